// POST /introspect (RFC 7662). For anything dead, unknown or not for this caller the body is the same, byte
// for byte.
import type { Claims } from '../domain/claims.ts';
import { introspectToken } from '../domain/introspect-token.ts';
import type { TokenVerifier } from '../domain/known-token.ts';
import type { Store } from '../domain/store.ts';
import { type ClientAuth, demand } from './client-auth.ts';
import { type Context, originOf, protect } from './context.ts';
import type { DeadTokenRecorder } from './dead-token-recorder.ts';
import { readForm } from './form.ts';
import { missingParameter, Refusal } from './refusal.ts';
import { respond } from './respond.ts';
import type { SessionActivity } from './session-activity.ts';

export interface IntrospectParts {
  readonly store: Store;
  readonly verifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly deadTokens: DeadTokenRecorder;
  readonly activity: SessionActivity;
}

const inactive = { active: false };

export function handleIntrospect({ store, verifier, auth, activity, deadTokens }: IntrospectParts) {
  return async function introspect(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const caller = await auth.authenticate(ctx, form);
    // RFC 9701 §5 wants 400 here; RFC 7662 leaves it open.
    if (!caller) throw new Refusal('invalid_request', 'client authentication is missing');
    demand(caller, 'introspect', 'introspect:any');
    const presentedToken = form.get('token');
    if (presentedToken === undefined) throw missingParameter('token');
    protect(ctx, [presentedToken]);

    const presented = await verifier.present(presentedToken);
    const answer = presented === null ? inactive : await introspectToken(store, caller, presented);
    if ('claims' in answer) {
      if (answer.claims.sessionId !== null) activity.touch(answer.claims.sessionId);
      respond(ctx, 200, membersOf(answer.claims, answer.cacheMaxAge));
    } else respond(ctx, 200, inactive);
    if ('revoked' in answer && answer.revoked) {
      const origin = originOf(ctx, { kind: 'client', id: caller.clientId }, [presentedToken]);
      deadTokens.note(origin, answer.revoked.claims, answer.revoked.reason);
    }
  };
}

/** RFC 7662 §2.2; absent members are left out. Times are whole seconds there, and none later than the truth. */
function membersOf(claims: Claims, cacheMaxAge: number): object {
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
