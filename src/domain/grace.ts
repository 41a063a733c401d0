// The grace interval of a refresh token that was replaced (RFC 9700 §4.14.2): for so long its client may ask for another
// successor, unless somebody ends the token meanwhile.
import type { Claims } from './claims.ts';
import { type Cause, cutoffForName, type NewRevocation, type Revocation } from './cutoffs.ts';
import type { LifetimePolicy, Policy } from './policy.ts';
import { tokenTarget } from './targets.ts';
import { type Standing, verdict } from './verdict.ts';

/**
 * A client that missed the answer asks again, maybe several times. Within the grace interval after the rotation that
 * is no reuse: the token gets one more successor, if nothing else stands against it.
 */
export function mayRetry(replaced: Claims, standing: Standing, policy: Policy, now: number): boolean {
  const { coveredBy } = standing;
  const wasRotated = coveredBy.length > 0 && coveredBy.every((row) => isInGrace(row, policy, now));
  return wasRotated && verdict(replaced, { ...standing, coveredBy: [] }, now).active;
}

/** Ends what the grace interval leaves of it. Its final row is there already, so one with a cutoff stands beside that. */
export function endOfGrace(
  replaced: Claims,
  cause: Cause,
  now: number,
  policy: LifetimePolicy,
): NewRevocation {
  return cutoffForName(tokenTarget(replaced), cause, now, policy);
}

/** Within the grace interval a token may be dead for another reason; it is reused only after that. */
export function isReused({ coveredBy }: Standing, policy: Policy, now: number): boolean {
  return coveredBy.some((row) => row.reason === 'superseded' && !isInGrace(row, policy, now));
}

function isInGrace(row: Revocation, { refreshGraceMs }: Policy, now: number): boolean {
  return refreshGraceMs > 0 && row.reason === 'superseded' && now - row.revokedAt <= refreshGraceMs;
}
