// A refresh token that is replaced (RFC 9700 §4.14.2): it is superseded; within the grace interval its client may ask
// again, and after that its return ends the grant.
import { about, eventOf, type Origin } from '../audit.ts';
import type { Claims, RegisteredToken } from '../claims.ts';
import {
  type Cause,
  cutoffOnProof,
  finalForToken,
  type NewRevocation,
  type Revocation,
  revocationOfUnit,
} from '../cutoffs.ts';
import { unitsLeft } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Decision, Facts } from '../store.ts';
import { targetOf, tokenTarget } from '../targets.ts';
import { endByRegistration } from '../token-life.ts';
import { type Standing, verdict } from '../verdict.ts';
import { conflict, type Registered } from './registration.ts';

export function supersession(replaced: RegisteredToken, origin: Origin): NewRevocation {
  const cause: Cause = { reason: 'superseded', reasonText: null, origin };
  return finalForToken(tokenTarget(replaced), cause, endByRegistration(replaced));
}

/**
 * A client that missed the answer asks again, maybe several times. Within the grace interval after the rotation that
 * is no reuse: the token gets one more successor, if nothing else stands against it.
 */
export function mayRetry(replaced: Claims, standing: Standing, policy: Policy, now: number): boolean {
  const { coveredBy } = standing;
  const wasRotated = coveredBy.length > 0 && coveredBy.every((row) => isInGrace(row, policy, now));
  return wasRotated && verdict(replaced, { ...standing, coveredBy: [] }, now).active;
}

/** Within the grace interval a token may be dead for another reason; it is reused only after that. */
export function isReused({ coveredBy }: Standing, policy: Policy, now: number): boolean {
  return coveredBy.some((row) => row.reason === 'superseded' && !isInGrace(row, policy, now));
}

function isInGrace(row: Revocation, { refreshGraceMs }: Policy, now: number): boolean {
  return refreshGraceMs > 0 && row.reason === 'superseded' && now - row.revokedAt <= refreshGraceMs;
}

/** A superseded refresh token came back: it or its successor was stolen, so the whole grant dies. */
export function reuse(
  facts: Facts,
  now: number,
  policy: Policy,
  origin: Origin,
  replaced: RegisteredToken,
  standing: Standing,
): Decision<Registered> {
  const grant = targetOf(replaced, 'grant');
  const units = unitsLeft(replaced, standing, grant ? [grant] : []);
  const cause: Cause = { reason: 'reuse_detected', reasonText: null, origin };
  const reusesIds = facts.issuer(replaced.issuer)?.reusesIds ?? false;
  const cutoff = cutoffOnProof([replaced], now, policy);
  const revocations = units.map((unit) => revocationOfUnit(unit, cause, { cutoff, now, reusesIds }, policy));
  const event = eventOf(origin, 'refresh_token_reuse', { reason: 'reuse_detected', ...about(replaced) });
  return {
    outcome: conflict('refresh_token_reuse'),
    effects: { revocations, events: [event] },
  };
}
