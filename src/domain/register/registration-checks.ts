// What is refused of a registration: times that are no token's, names that belong to others, another claim for a token
// that is known. Each says what it objects to, and register-token.ts in which order they are asked.
import { isDeepStrictEqual } from 'node:util';
import { type Claims, isSameUser, type RegisteredToken } from '../claims.ts';
import type { Policy } from '../policy.ts';
import type { Facts } from '../store.ts';
import { knownAs } from '../tokens/known-token.ts';
import { dayMs } from '../values/durations.ts';
import { conflict, type Objection, type Refused, type Registration } from './registration.ts';

/** Is it the same registration? For a JWT also by another string, with the signature encoded differently. */
export function isSaidAgain(existing: RegisteredToken, token: RegisteredToken): boolean {
  return isDeepStrictEqual(wordsOf(existing), wordsOf(token));
}

/** As they are stored, where there is no -0. */
function wordsOf(token: RegisteredToken): object {
  const {
    digest: _,
    registeredAt: _at,
    issuedAt: _issued,
    registrar: _who,
    purgeAfter: _until,
    ...said
  } = token;
  return JSON.parse(JSON.stringify(said));
}

export function refuseTimes(registration: Registration, policy: Policy, now: number): Refused | undefined {
  const { iat, exp } = registration;
  const lifetimeMax = policy.lifetimeDaysMax * dayMs;
  if (iat * 1000 > now + policy.clockSkewMs) {
    const problem = 'lies in the future; it is given in seconds since 1970';
    return { status: 'refused', parameter: 'iat', problem };
  }
  if (exp * 1000 > now + lifetimeMax || (exp - iat) * 1000 > lifetimeMax) {
    const problem = `is over ${policy.lifetimeDaysMax} days after iat; it is given in seconds since 1970`;
    return { status: 'refused', parameter: 'exp', problem };
  }
  return undefined;
}

/**
 * Refuses a token that a verdict would not accept as a JWT: its revocation may have been purged together with an
 * earlier registration. An expired token may still be imported.
 */
export function refuseForgotten(facts: Facts, token: RegisteredToken, now: number): Refused | undefined {
  if (token.expiresAt <= now || !facts.isForgotten(token.issuedAt, token.expiresAt)) return undefined;
  const problem = 'lies before what is still known of revocations; issue a new token';
  return { status: 'refused', parameter: 'iat', problem };
}

/**
 * Refuses what would bring a dead JWT back: it was judged by what it signs, and by the client that its issuer's record
 * gives to tokens without one. Another client, or scope `offline_access`, can take it out of a revocation's reach.
 */
export function refuseRevival(
  facts: Facts,
  { verification }: Registration,
  token: RegisteredToken,
): Objection | undefined {
  const known = knownAs(token, verification);
  if (verification.kind !== 'verified' || !known) return undefined;
  const [unregistered, registered] = facts.together(
    () => facts.standing(verification.token),
    () => facts.standing(known),
  );
  const isRevived = unregistered.coveredBy.length > 0 && registered.coveredBy.length === 0;
  return isRevived ? conflict('claims_conflict') : undefined;
}

/** Refuses names that belong to others or contradict the replaced token. */
export function refuseNames(
  facts: Facts,
  { replacesDigest }: Registration,
  token: RegisteredToken,
  replaced: RegisteredToken | undefined,
): Objection | undefined {
  const [grant, session] = facts.together(
    () => (token.grantId === null ? undefined : facts.grant(token.grantId)),
    () => (token.sessionId === null ? undefined : facts.session(token.sessionId)),
  );
  if (replacesDigest !== null && (!replaced || !mayReplace(token, replaced)))
    return conflict('rotation_conflict');
  if (grant && !(isSameUser(grant, token) && grant.clientId === token.clientId))
    return conflict('grant_conflict');
  if (session && !isSameUser(session, token)) return conflict('session_conflict');
  return undefined;
}

function mayReplace(token: Claims, replaced: Claims): boolean {
  const bothRefresh = token.tokenUse === 'refresh_token' && replaced.tokenUse === 'refresh_token';
  const sameClient = token.clientId === replaced.clientId && token.grantId === replaced.grantId;
  const sameSession = replaced.sessionId === null || token.sessionId === replaced.sessionId;
  return bothRefresh && sameClient && sameSession && isSameUser(token, replaced);
}
