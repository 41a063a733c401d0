// Units, which are the grants and sessions of tokens: is a registered token of one still alive, which can a token still
// end, and what ends them? Revocation and logout answer "revoked" only when they ended something.
import type { Claims } from './claims.ts';
import { type Cause, cutoffForName, finalForName, isRestricted, type NewRevocation } from './cutoffs.ts';
import type { LifetimePolicy } from './policy.ts';
import type { Session } from './sessions.ts';
import { type Facts, unitTokensMax } from './store.ts';
import { everyIssuer, isFinal, sessionTarget, type Target, targetKey, targetOf } from './targets.ts';
import { isRevocable, type Standing } from './verdict.ts';

/**
 * Does any of these grants or sessions have a living token, beside those of the units in `except`? If there are more
 * tokens than storage looks at, the answer is yes: a needless row does no harm, a missing one would.
 */
export function hasLivingToken(
  facts: Facts,
  units: readonly Target[],
  now: number,
  except: readonly Target[] = [],
): boolean {
  const isExcepted = (token: Claims) =>
    except.some(({ kind, id }) => id === (kind === 'grant' ? token.grantId : token.sessionId));
  return units.some((unit) => {
    if (facts.final(unit)) return false;
    const unexpired = facts.unexpiredTokensOf(unit);
    if (unexpired.length >= unitTokensMax) return true;
    const tokens = unexpired.filter((token) => !isExcepted(token));
    return facts
      .each(tokens, (token) => facts.standing(token))
      .some((standing, n) => isRevocable(tokens[n] as Claims, standing, now));
  });
}

export function isSessionLiving(facts: Facts, session: Session, now: number): boolean {
  return hasLivingToken(facts, [sessionTarget(session)], now);
}

/** Null if there are none to count: a user whose sessions nobody registered may still be logged in. */
export function countLivingSessions(facts: Facts, sessions: readonly Session[], now: number): number | null {
  if (sessions.length === 0) return null;
  return facts.each(sessions, (session) => isSessionLiving(facts, session, now)).filter(Boolean).length;
}

/**
 * Which of `units`, the grant and the session of a token, this token can still end. Not one whose end covers it: where
 * ids come back across logins, those who bear it now have logged in since. And none where its signing key is revoked:
 * a thief who holds the key signs any id he likes.
 */
export function unitsLeft(
  claims: Claims,
  { coveredBy }: Standing,
  units: readonly Target[],
): readonly Target[] {
  if (coveredBy.length === 0) return units;
  const ended = new Set(coveredBy.filter(({ only }) => !isRestricted(only)).map(({ key }) => key));
  const key = targetOf(claims, 'key');
  const isForged =
    key && [key, { ...key, issuer: everyIssuer }].some((target) => ended.has(targetKey(target)));
  return isForged ? [] : units.filter((unit) => !ended.has(targetKey(unit)));
}

/** Is a revocation of this target final, as its issuer's record has it? */
export function endsForGood(facts: Facts, target: Target): boolean {
  return isFinal(target, facts.issuer(target.issuer)?.reusesIds ?? false);
}

/**
 * What ends these units: for good or, where their issuer reuses such ids (an SSO session that survives an app's
 * logout), only what was issued until `cutoff`.
 */
export function endingsOfUnits(
  facts: Facts,
  now: number,
  policy: LifetimePolicy,
  units: readonly Target[],
  cause: Cause,
  cutoff: number,
): NewRevocation[] {
  return units.map((unit) =>
    endsForGood(facts, unit)
      ? finalForName(unit, cause, now, policy)
      : cutoffForName(unit, cause, cutoff, policy),
  );
}
