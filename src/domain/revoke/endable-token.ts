// A presented token as a revocation or logout ends it: found even where introspection finds none, found again when the
// decision is taken, and the rows that end it for good.
import { type Cause, finalForToken, forever, type NewRevocation } from '../cutoffs.ts';
import type { LifetimePolicy } from '../policy.ts';
import type { Facts } from '../store.ts';
import { tokenTarget } from '../targets.ts';
import { endBySignature, laterEnd } from '../token-life.ts';
import { findKnownToken, type KnownToken, registrationOf } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import type { Standing } from '../verdict.ts';

/**
 * The token to be ended. A JWT whose registration contradicts its signature is inactive, but only as long as the
 * registration is kept; so it is ended as what its issuer signed.
 */
export function findEndable(facts: Facts, presented: Presented): KnownToken | undefined {
  const known = findKnownToken(facts, presented);
  const { verification } = presented;
  if (known || verification.kind !== 'verified') return known;
  const { issuedFrom, claims, token } = verification;
  if (facts.isForgotten(issuedFrom, claims.expiresAt)) return undefined;
  const registered = registrationOf(facts, presented);
  if (!registered || registered.targetDigest === token.targetDigest) return token;
  return { ...token, otherDigest: registered.targetDigest, registeredUntil: registered.expiresAt };
}

/**
 * The same token at the time of the decision: a JWT that was not registered when it was looked up may have been
 * since, with its grant and session.
 */
export function findAgain(facts: Facts, presented: Presented, known: KnownToken): KnownToken {
  return known.registrar === null ? (findEndable(facts, presented) ?? known) : known;
}

/**
 * When a revocation of this token may be purged. For a JWT: at the end its signature gives, as a registration may say
 * an earlier one. If the registration ends later, then at that end: by then the signature may not count, or the
 * purging process's clock may be ahead.
 */
function endOfKnownToken({ signed, expiresAt, registeredUntil }: KnownToken, policy: LifetimePolicy): number {
  const known = registeredUntil ?? expiresAt;
  return signed ? laterEnd(endBySignature(signed, policy), known, policy) : known;
}

/** Ends the token itself for good. */
export function finalsForKnownToken(
  known: KnownToken,
  cause: Cause,
  policy: LifetimePolicy,
): NewRevocation[] {
  const end = endOfKnownToken(known, policy);
  const ids = [known.targetDigest, ...(known.otherDigest === undefined ? [] : [known.otherDigest])];
  return ids.map((id) => finalForToken({ ...tokenTarget(known), id }, cause, end));
}

/**
 * What ends for good a token that is dead here already, but may be alive to another server, or later. A revoked JWT may
 * be dead by a claim that only its signature gives, and a server that has not noticed its issuer's record yet does not
 * see that claim. One that has expired may be signed to live longer: it would be alive with a larger
 * TOKEN_LIFETIME_DAYS_MAX, or without its registration once its issuer is trusted.
 */
export function finalsForDeadToken(
  known: KnownToken,
  { coveredBy }: Standing,
  cause: Cause,
  policy: LifetimePolicy,
): NewRevocation[] {
  const { signed, otherDigest } = known;
  const isRevoked = coveredBy.length > 0;
  const isCutShort = signed ? endBySignature(signed, policy) > forever : otherDigest !== undefined;
  const mayLive = isRevoked ? signed !== undefined : isCutShort;
  return mayLive ? finalsForKnownToken(known, cause, policy) : [];
}
