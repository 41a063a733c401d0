// What is refused of a registration: times that are no token's, names that belong to others, another claim for a token
// that is known. Each says what it objects to, and register-token.ts in which order they are asked.
import { type Claims, isSameUser, type RegisteredToken } from '../claims.ts';
import type { Policy } from '../policy.ts';
import type { Facts } from '../store.ts';
import { knownAs } from '../tokens/known-token.ts';
import { dayMs } from '../values/durations.ts';
import { differingMembers } from '../values/json-values.ts';
import { conflict, type Objection, type Refused, type Registration } from './registration.ts';

/**
 * Refuses another registration of a token that is known: any but the same again, for a JWT also by another string, with
 * the signature encoded differently.
 */
export function refuseOtherClaims(known: RegisteredToken, token: RegisteredToken): Objection | undefined {
  const differing = differingMembers(membersOf(known), membersOf(token));
  if (differing.length === 0) return undefined;
  return conflict('claims_conflict', toldOf(differing), 'is not what the token was registered with');
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
 * Refuses what could bring a dead JWT back: it was judged by what it signs, and by the client that its issuer's record
 * gives to tokens without one. Another client, or scope `offline_access`, can take it out of a revocation's reach. One
 * given by its digests stays dead all the same (`judgedBefore`), but that cannot be told yet.
 */
export function refuseRevival(
  facts: Facts,
  { verification }: Registration,
  token: RegisteredToken,
): Objection | undefined {
  const known = knownAs(token, verification);
  if (verification.kind !== 'verified' || !known) return undefined;
  const { judgedBefore: _, ...completed } = known;
  const [unregistered, registered] = facts.together(
    () => facts.standing(verification.token),
    () => facts.standing(completed),
  );
  const isRevived = unregistered.coveredBy.length > 0 && registered.coveredBy.length === 0;
  if (!isRevived) return undefined;
  return conflict('claims_conflict', ['client_id', 'scope'], 'would bring the JWT back, which is revoked');
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
  const objection = replacesDigest === null ? undefined : refuseReplaced(token, replaced);
  if (objection) return objection;
  if (grant && !(isSameUser(grant, token) && grant.clientId === token.clientId)) {
    const differing = differingMembers(namesOf(grant), namesOf(token));
    return conflict('grant_conflict', toldOf(differing), 'is not that of the grant');
  }
  if (session && !isSameUser(session, token)) {
    const told = session.issuer === token.issuer ? ['sub'] : [];
    return conflict('session_conflict', told, 'is not that of the session');
  }
  return undefined;
}

/** One refresh token replaces another of the same user, client, grant and, if that has one, session. */
function refuseReplaced(token: Claims, replaced: Claims | undefined): Objection | undefined {
  const areRefreshTokens = token.tokenUse === 'refresh_token' && replaced?.tokenUse === 'refresh_token';
  if (!areRefreshTokens || replaced.issuer !== token.issuer) {
    const problem = 'is no refresh token that is registered for this iss';
    return conflict('rotation_conflict', ['replaces'], problem);
  }
  const session_id = replaced.sessionId ?? token.sessionId;
  const old = { ...namesOf(replaced), grant_id: replaced.grantId, session_id };
  const said = { ...namesOf(token), grant_id: token.grantId, session_id: token.sessionId };
  const differing = differingMembers(old, said);
  if (differing.length === 0) return undefined;
  return conflict('rotation_conflict', differing, 'is not that of the token to be replaced');
}

/** A registration's members, or some of them, by their names on the wire. */
type Members = Readonly<Record<string, unknown>>;

/** Whose it is. */
function namesOf({ issuer, subject, clientId }: Pick<Claims, 'issuer' | 'subject' | 'clientId'>): Members {
  return { iss: issuer, sub: subject, client_id: clientId };
}

/** As they are stored: there is no -0. */
function membersOf(token: RegisteredToken): Members {
  const said = {
    ...namesOf(token),
    token_use: token.tokenUse,
    grant_id: token.grantId,
    session_id: token.sessionId,
    jti: token.jti,
    signing_input_digest: token.targetDigest,
    replaces: token.replacesDigest,
    ...token.members,
  };
  return JSON.parse(JSON.stringify(said));
}

/** Of what belongs to another issuer, nobody learns more than that it exists. */
function toldOf(differing: readonly string[]): readonly string[] {
  return differing.includes('iss') ? [] : differing;
}
