// POST /introspect (RFC 7662). For anything dead, unknown or not for this caller the body is the same, byte
// for byte.
import type { Claims } from '../domain/claims.ts';
import type { Caller } from '../domain/clients.ts';
import { type Introspection, introspectToken } from '../domain/introspect-token.ts';
import type { TokenVerifier } from '../domain/known-token.ts';
import type { Store } from '../domain/store.ts';
import { signIntrospection } from '../jwt/introspection-jwt.ts';
import type { SigningKeys } from '../jwt/signing-keys.ts';
import { prefers } from './accept.ts';
import { type ClientAuth, demand } from './client-auth.ts';
import { type Context, originOf, protect } from './context.ts';
import type { DeadTokenRecorder } from './dead-token-recorder.ts';
import { readForm } from './form.ts';
import { missingParameter, Refusal } from './refusal.ts';
import { respond, respondText } from './respond.ts';
import type { SessionActivity } from './session-activity.ts';

export interface IntrospectParts {
  readonly store: Store;
  readonly verifier: TokenVerifier;
  readonly auth: ClientAuth;
  /** Null: answers are not signed. */
  readonly signingKeys: SigningKeys | null;
  /** Who signs. */
  readonly issuer: string;
  readonly now: () => number;
  readonly deadTokens: DeadTokenRecorder;
  readonly activity: SessionActivity;
}

interface Answer {
  readonly active: boolean;
  readonly aud?: unknown;
  readonly scope?: unknown;
  readonly [member: string]: unknown;
}

const inactive: Answer = { active: false };
const signedType = 'application/token-introspection+jwt';

export function handleIntrospect(parts: IntrospectParts) {
  const { store, verifier, auth, activity, deadTokens, signingKeys, issuer, now } = parts;
  return async function introspect(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const caller = await auth.authenticateAny(ctx, form);
    // RFC 9701 §5 wants 400 here; RFC 7662 leaves it open.
    if (!caller) throw new Refusal('invalid_request', 'client authentication is missing');
    demand(caller, 'introspect', 'introspect:any');
    const presentedToken = form.get('token');
    if (presentedToken === undefined) throw missingParameter('token');
    protect(ctx, [presentedToken]);

    const presented = await verifier.present(presentedToken);
    const answer: Introspection =
      presented === null ? { active: false } : await introspectToken(store, caller, presented);
    const body = answer.active ? membersOf(answer.claims, answer.cacheMaxAge) : inactive;
    if (answer.active && answer.claims.sessionId !== null) activity.touch(answer.claims.sessionId);
    if (!answer.active && answer.revoked) {
      const origin = originOf(ctx, { kind: 'client', id: caller.clientId }, [presentedToken]);
      deadTokens.note(origin, answer.revoked.claims, answer.revoked.reason);
    }
    // A bearer has no record that could say how it verifies; it is no resource server either.
    const isSigned = signingKeys && !caller.isBearer && prefers(ctx.get('accept'), signedType);
    if (!isSigned) return respond(ctx, 200, body);
    const signed = await signIntrospection(signingKeys, issuer, caller, narrowed(body, caller), now());
    respondText(ctx, 200, signed, signedType);
  };
}

/** RFC 9701 §5: of audience and scope a resource server is told what concerns it. */
function narrowed(body: Answer, caller: Caller): object {
  const { aud, scope } = body;
  const isOwn = (name: unknown) => name === caller.clientId || caller.audiences.includes(String(name));
  const own = Array.isArray(aud) && aud.some(isOwn) ? aud.filter(isOwn) : aud;
  const scopes = typeof scope === 'string' && caller.scopes ? scope.split(' ') : null;
  const ownScope = scopes?.filter((name) => caller.scopes?.includes(name)).join(' ');
  return { ...body, aud: own, scope: scopes ? ownScope || undefined : scope };
}

/** RFC 7662 §2.2; absent members are left out. Times are whole seconds there, and none later than the truth. */
function membersOf(claims: Claims, cacheMaxAge: number): Answer {
  const { scope, username, token_type, iat, exp, nbf, aud, ...others } = claims.members;
  return {
    active: true,
    scope,
    client_id: claims.clientId ?? undefined,
    username,
    token_type: claims.tokenUse === 'access_token' ? (token_type ?? 'Bearer') : undefined,
    exp: seconds(exp, Math.floor),
    iat: seconds(iat, Math.floor),
    nbf: seconds(nbf, Math.ceil),
    sub: claims.subject ?? undefined,
    aud,
    iss: claims.issuer,
    jti: claims.jti ?? undefined,
    sid: claims.sessionId ?? undefined,
    ...others,
    token_use: claims.tokenUse,
    cache_max_age: cacheMaxAge,
  };
}

function seconds(time: unknown, round: (value: number) => number): number | undefined {
  return typeof time === 'number' ? round(time) : undefined;
}
