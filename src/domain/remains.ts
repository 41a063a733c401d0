// Is anything of a token still alive: itself, or registered tokens that share its grant or session? Revocation and
// logout answer "revoked" only when they ended something.
import type { Claims } from './claims.ts';
import type { Facts } from './store.ts';
import { bearersMax } from './store.ts';
import type { Target } from './targets.ts';
import { isRevocable } from './verdict.ts';

/**
 * Does any of these grants or sessions have a living token? If there are more bearers than storage looks at, the
 * answer is yes: a needless row does no harm, a missing one would.
 */
export function hasLivingBearer(facts: Facts, targets: readonly Target[], now: number): boolean {
  return targets.some((target) => {
    if (facts.final(target)) return false;
    const bearers = facts.unexpiredBearers(target);
    if (bearers.length >= bearersMax) return true;
    return facts
      .together(...bearers.map((bearer) => () => facts.standing(bearer)))
      .some((standing, n) => isRevocable(bearers[n] as Claims, standing, now));
  });
}
