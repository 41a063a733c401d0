// What /introspect and /introspect/batch have in common: who may ask, what is said of one token, and what
// the question leaves behind.
import type { Origin } from '../../domain/audit.ts';
import type { Claims } from '../../domain/claims.ts';
import type { Introspection } from '../../domain/introspect/introspect-token.ts';
import type { Caller } from '../../domain/records/clients.ts';
import { isObject } from '../../domain/values/json-values.ts';
import { Refusal } from '../../wire/refusal.ts';
import { type ClientAuth, demandPermission } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import type { Form } from '../reading/form.ts';
import type { DeadTokenRecorder } from './dead-token-recorder.ts';
import type { SessionActivity } from './session-activity.ts';

export interface IntrospectionAnswer {
  readonly active: boolean;
  readonly aud?: unknown;
  readonly scope?: unknown;
  readonly [member: string]: unknown;
}

export interface TraceParts {
  readonly deadTokenRecorder: DeadTokenRecorder;
  readonly sessionActivity: SessionActivity;
}

const inactive: IntrospectionAnswer = { active: false };

/** `credentials` are those in the body. */
export async function permitAsker(auth: ClientAuth, ctx: Context, credentials: Form): Promise<Caller> {
  const caller = auth.recall(ctx, credentials) ?? (await auth.authenticateAny(ctx, credentials));
  // RFC 9701 §5 wants 400 here; RFC 7662 leaves it open.
  if (!caller) throw new Refusal('invalid_request', 'client authentication is missing');
  return demandPermission(caller, 'introspect', 'introspect:any');
}

/** The same object for any token that is dead, unknown or not for this caller. */
export function answerOf(introspection: Introspection): IntrospectionAnswer {
  return introspection.active ? membersOf(introspection.claims, introspection.cacheMaxAge) : inactive;
}

/** Notes that a session is in use, or that a revoked token was tried. Neither delays nor changes the answer. */
export function leaveTrace(parts: TraceParts, introspection: Introspection, origin: () => Origin): void {
  if (introspection.active) {
    const { issuer, sessionId } = introspection.claims;
    if (sessionId !== null) parts.sessionActivity.touch(issuer, sessionId);
  } else if (introspection.revoked) {
    parts.deadTokenRecorder.note(origin(), introspection.revoked.claims, introspection.revoked.reason);
  }
}

/** RFC 7662 §2.2; absent members are left out. Times are whole seconds there, never later than the exact ones. */
function membersOf(claims: Claims, cacheMaxAge: number): IntrospectionAnswer {
  const { scope, username, token_type = typeOf(claims), iat, exp, nbf, aud, ...others } = claims.members;
  return {
    active: true,
    scope,
    client_id: claims.clientId ?? undefined,
    username,
    token_type: claims.tokenUse === 'access_token' ? token_type : undefined,
    exp: seconds(exp),
    iat: seconds(iat),
    nbf: seconds(nbf),
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

/** RFC 9449 §5: a token that is bound to a key is no bearer token. */
function typeOf({ members: { cnf } }: Claims): string {
  return isObject(cnf) && typeof cnf.jkt === 'string' ? 'DPoP' : 'Bearer';
}

function seconds(time: unknown): number | undefined {
  return typeof time === 'number' ? Math.floor(time) : undefined;
}
