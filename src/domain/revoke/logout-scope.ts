// What a logout ends: the scope that it is granted, and the revocations of each scope.
import { type Cause, cutoffForName, cutoffOnProof, type NewRevocation } from '../cutoffs.ts';
import { endOfGrace } from '../grace.ts';
import { endingsOfUnits, hasLivingToken } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Session } from '../sessions.ts';
import type { Facts } from '../store.ts';
import { sessionTarget, type Target, targetKey, targetOf, unitOf } from '../targets.ts';
import type { KnownToken } from '../tokens/known-token.ts';
import { type Standing, verdict } from '../verdict.ts';
import { finalsForKnownToken } from './endable-token.ts';

export type LogoutScope = 'current' | 'others' | 'all';

export interface Proof {
  readonly claims: KnownToken;
  readonly standing: Standing;
  /** Can it still be ended itself? */
  readonly isLiving: boolean;
  /** Was it replaced so lately that its client may still ask for another successor? */
  readonly isInGrace: boolean;
  /** What `current` ends beside the token itself: of its grant and its session those that it can still end. */
  readonly units: readonly Target[];
}

/** The tokens of one user that a logout was asked with, and what it takes to decide on them. */
export interface Proven {
  readonly facts: Facts;
  readonly now: number;
  readonly policy: Policy;
  /** The acting one is the first. */
  readonly proofs: readonly Proof[];
  readonly acting: Proof;
}

/**
 * More than the current session is ended only where the token's client is registered for it or the token
 * is home-made, and only by a token that is alive: a stolen dead one must not log its user out everywhere.
 */
export function scopeGranted({ facts, now, acting }: Proven, asked: LogoutScope | null): LogoutScope {
  const { claims, standing } = acting;
  if (!verdict(claims, standing, now).active || claims.subject === null) return 'current';
  if (claims.isHomeMade) return asked ?? 'all';
  if (asked === null || asked === 'current' || claims.clientId === null) return 'current';
  return facts.client(claims.clientId)?.logoutScope === 'all' ? asked : 'current';
}

export interface Endings {
  readonly revocations: readonly NewRevocation[];
  /** The registered sessions that these end. */
  readonly sessions: readonly Session[];
}

export function endingsOf(proven: Proven, scope: LogoutScope, cause: Cause): Endings {
  const { facts, now, policy, proofs, acting } = proven;
  const claims = proofs.map((proof) => proof.claims);
  const cutoff = cutoffOnProof(claims, now, policy);
  const subject = targetOf(acting.claims, 'subject');
  if (scope === 'current' || !subject)
    return { revocations: endingsOfProofs(proven, cutoff, cause), sessions: sessionsOfProofs(proven) };

  const sessions = facts.sessionsOf(subject.issuer, subject.id);
  if (scope === 'all') {
    const ofUser = cutoffForName(subject, cause, cutoff, policy);
    return { revocations: [...endingsOfProofs(proven, cutoff, cause), ofUser], sessions };
  }
  const exceptKey = targetKey(unitOf(acting.claims));
  return {
    revocations: [cutoffForName(subject, cause, cutoff, policy, { exceptKey })],
    sessions: sessions.filter(({ sessionId }) => sessionId !== acting.claims.sessionId),
  };
}

/** The tokens themselves are ended for good, with their grants and sessions. */
function endingsOfProofs(
  { facts, now, policy, proofs }: Proven,
  cutoff: number,
  cause: Cause,
): NewRevocation[] {
  return proofs.flatMap(({ claims, units, isInGrace }) => [
    ...finalsForKnownToken(claims, cause, policy),
    ...(isInGrace ? [endOfGrace(claims, cause, now, policy)] : []),
    ...endingsOfUnits(facts, now, policy, units, cause, cutoff),
  ]);
}

/** Those that end by name; and those that end with a grant, as they have no other living token. */
function sessionsOfProofs({ facts, now, proofs, acting }: Proven): Session[] {
  const { issuer } = acting.claims;
  const units = proofs.flatMap((proof) => proof.units).filter((unit) => unit.issuer === issuer);
  const named = units.filter(({ kind }) => kind === 'session').map(({ id }) => id);
  const ofGrants = facts
    .each(units, (unit) => (unit.kind === 'grant' ? facts.unexpiredTokensOf(unit) : []))
    .flat()
    .flatMap(({ sessionId }) => sessionId ?? []);
  const ids = [...new Set([...named, ...ofGrants])];
  const ends = (session: Session) =>
    named.includes(session.sessionId) || !hasLivingToken(facts, [sessionTarget(session)], now, units);
  return facts
    .each(ids, (id) => facts.session(id))
    .filter((session) => session !== undefined)
    .filter((session) => session.issuer === issuer && ends(session));
}
