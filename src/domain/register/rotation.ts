// A refresh token that is replaced (RFC 9700 §4.14.2): it is superseded, and its return after the grace interval
// (grace.ts) ends the grant.
import { about, eventOf, type Origin } from '../audit.ts';
import type { RegisteredToken } from '../claims.ts';
import { type Cause, cutoffOnProof, finalForToken, type NewRevocation } from '../cutoffs.ts';
import { endingsOfUnits, unitsLeft } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Decision, Facts } from '../store.ts';
import { targetOf, tokenTarget } from '../targets.ts';
import { endByRegistration } from '../token-life.ts';
import type { Standing } from '../verdict.ts';
import { conflict, type Registered } from './registration.ts';

export function supersession(replaced: RegisteredToken, origin: Origin): NewRevocation {
  const cause: Cause = { reason: 'superseded', reasonText: null, origin };
  return finalForToken(tokenTarget(replaced), cause, endByRegistration(replaced));
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
  const cutoff = cutoffOnProof([replaced], now, policy);
  const revocations = endingsOfUnits(facts, now, policy, units, cause, cutoff);
  const event = eventOf(origin, 'refresh_token_reuse', { reason: 'reuse_detected', ...about(replaced) });
  return {
    outcome: conflict('refresh_token_reuse'),
    effects: { revocations, events: [event] },
  };
}
