// Logging out: a token of a user lets its holder end its session, the user's other sessions, or all of them.
// Idempotent, and never an error for a dead token. A user id without proof logs nobody out; log-out-user.ts is for
// callers that need none.
import { about, eventOf, type NewEvent, type Origin } from '../audit.ts';
import { isSameUser } from '../claims.ts';
import {
  type Cause,
  cutoffForName,
  cutoffOnProof,
  finalForToken,
  type NewRevocation,
  revocationOfUnit,
  safeIatAfterAll,
} from '../cutoffs.ts';
import type { Policy } from '../policy.ts';
import { countLivingSessions, hasLivingToken, unitsLeft } from '../remains.ts';
import type { Session } from '../sessions.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { type Target, targetKey, targetOf, tokenTarget, unitOf } from '../targets.ts';
import { endOfKnownToken, findAgain, findEndable, type KnownToken } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import { isRevocable, type Standing, verdict } from '../verdict.ts';
import type { AuditAction, InactiveReason, Reason } from '../vocabulary.ts';

export type LogoutScope = 'current' | 'others' | 'all';

export type LoggedOut =
  | {
      readonly status: 'logged_out';
      /** What was done, which may be less than what was asked. */
      readonly scope: LogoutScope;
      readonly userId: string | null;
      readonly revokedAt: number;
      /** Registered sessions that this call ended, at most `sessionsMax`; null when none is known. */
      readonly sessionsEnded: number | null;
      readonly safeIatAfter: number | null;
      /** The last of the revocations that this call wrote. */
      readonly seq: number;
    }
  | { readonly status: 'already_logged_out'; readonly reason: InactiveReason };

export interface LogoutRequest {
  /** It acts; if it is unknown, the bearer token does. */
  readonly refresh: Presented | null;
  readonly bearer: Presented | null;
  /** Null: the usual scope for the token. */
  readonly scope: LogoutScope | null;
  /** The user id sent beside the token, unproven. */
  readonly claimedUserId: string | null;
  readonly reason: Reason;
  readonly reasonText: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
}

interface Found {
  readonly presented: Presented;
  readonly known: KnownToken;
}

interface Proof {
  readonly claims: KnownToken;
  readonly standing: Standing;
  /** What `current` ends beside the token itself: of its grant and its session those that it can still end. */
  readonly units: readonly Target[];
}

/** Logs out by possession of a token. Resolves to `token_not_found` without having written. */
export async function logOut(store: Store, policy: Policy, request: LogoutRequest): Promise<LoggedOut> {
  const presented = [request.refresh, request.bearer].filter((token) => token !== null);
  const known = await store.ask(
    (facts) => facts.each(presented, (token) => findEndable(facts, token)),
    'unvouched',
  );
  const found = presented.flatMap((token, n) => (known[n] ? [{ presented: token, known: known[n] }] : []));
  const [acting, other] = found.map(({ known }) => known);
  if (!acting) return { status: 'already_logged_out', reason: 'token_not_found' };
  const sameUser = other !== undefined && isSameUser(acting, other);
  const proofs = sameUser ? found : found.slice(0, 1);
  const mismatch =
    (other !== undefined && !sameUser) ||
    (request.claimedUserId !== null && request.claimedUserId !== acting.subject);
  // `unvouched`: anybody can repeat one token a thousand times.
  return store.write((facts, now) => decide(facts, now, policy, request, proofs, mismatch), 'unvouched');
}

function decide(
  facts: Facts,
  now: number,
  policy: Policy,
  request: LogoutRequest,
  found: readonly Found[],
  mismatch: boolean,
): Decision<LoggedOut> {
  const tokens = facts.each(found, ({ presented, known }) => findAgain(facts, presented, known));
  const standings = facts.each(tokens, (claims) => facts.standing(claims));
  const presented = tokens.map((claims, n): Proof => {
    const standing = standings[n] as Standing;
    return { claims, standing, units: unitsLeft(claims, standing, unitsOf(claims)) };
  });
  const living = presented.filter(({ claims, standing }) => isRevocable(claims, standing, now));
  // A living token acts, if there is one.
  const proofs = [...living, ...presented.filter((proof) => !living.includes(proof))];
  const { claims: acting, standing } = proofs[0] as Proof;
  const events = mismatch ? [eventBy(acting, request, 'logout_user_mismatch')] : [];

  const units = proofs.flatMap((proof) => proof.units);
  if (living.length === 0 && !hasLivingToken(facts, units, now)) {
    const isRevoked = standings.some((standing) => standing.coveredBy.length > 0);
    return nothingLeft(isRevoked, acting, request, events);
  }
  const isActive = verdict(acting, standing, now).active;
  const scope = isActive ? scopeGranted(facts, request.scope, acting) : 'current';
  return endLogins(facts, now, policy, request, proofs, scope, events);
}

/** All that the proofs could end was revoked, or has expired. */
function nothingLeft(
  isRevoked: boolean,
  acting: KnownToken,
  request: LogoutRequest,
  events: readonly NewEvent[],
): Decision<LoggedOut> {
  const event = eventBy(acting, request, isRevoked ? 'logout_already_revoked' : 'logout_expired_token');
  const reason = isRevoked ? 'token_already_revoked' : 'token_expired';
  return { outcome: { status: 'already_logged_out', reason }, effects: { events: [...events, event] } };
}

/** The first of the proofs acts. */
function endLogins(
  facts: Facts,
  now: number,
  policy: Policy,
  request: LogoutRequest,
  proofs: readonly Proof[],
  scope: LogoutScope,
  events: readonly NewEvent[],
): Decision<LoggedOut> {
  const { claims: acting } = proofs[0] as Proof;
  const reusesIds = facts.issuer(acting.issuer)?.reusesIds ?? false;
  const cutoff = cutoffOnProof(
    proofs.map(({ claims }) => claims),
    now,
    policy,
  );
  const { reason, reasonText } = request;
  const cause = { reason, reasonText, origin: originBy(acting, request) };
  const { revocations, sessions } = endingsOf(facts, now, policy, {
    cause,
    proofs,
    scope,
    cutoff,
    reusesIds,
  });
  const sessionsEnded = countLivingSessions(facts, sessions, now);
  return {
    outcome: (seqs) => ({
      status: 'logged_out',
      scope,
      userId: acting.subject,
      revokedAt: now,
      sessionsEnded,
      safeIatAfter: safeIatAfterAll(revocations),
      seq: Math.max(...seqs),
    }),
    effects: { revocations, events: [...events, eventBy(acting, request, 'logout', scope)] },
  };
}

function originBy(acting: KnownToken, { origin }: LogoutRequest): Origin {
  return { ...origin, actor: { kind: 'user', id: acting.subject } };
}

function eventBy(
  acting: KnownToken,
  request: LogoutRequest,
  action: AuditAction,
  scope?: LogoutScope,
): NewEvent {
  const { reason, reasonText } = request;
  const metadata = scope === undefined ? request.metadata : { ...request.metadata, scope };
  return eventOf(originBy(acting, request), action, { reason, reasonText, metadata, ...about(acting) });
}

/** The grant and the session of a token; a token without a user dies alone. */
function unitsOf(claims: KnownToken): Target[] {
  if (claims.subject === null) return [];
  return [targetOf(claims, 'grant'), targetOf(claims, 'session')].filter((target) => target !== undefined);
}

/**
 * More than the current session is ended only where the token's client is registered for it or the token
 * is home-made, and only by a token that is alive: a stolen dead one must not log its user out everywhere.
 */
function scopeGranted(facts: Facts, asked: LogoutScope | null, living: KnownToken): LogoutScope {
  if (living.subject === null) return 'current';
  if (living.isHomeMade) return asked ?? 'all';
  if (asked === null || asked === 'current' || living.clientId === null) return 'current';
  return facts.client(living.clientId)?.logoutScope === 'all' ? asked : 'current';
}

interface Ending {
  readonly cause: Cause;
  /** The first acts. */
  readonly proofs: readonly Proof[];
  readonly scope: LogoutScope;
  readonly cutoff: number;
  readonly reusesIds: boolean;
}

/** What is to be written, and the registered sessions that it ends. */
function endingsOf(
  facts: Facts,
  now: number,
  policy: Policy,
  { cause, proofs, scope, cutoff, reusesIds }: Ending,
): { revocations: NewRevocation[]; sessions: readonly Session[] } {
  const { claims: acting } = proofs[0] as Proof;
  const current = proofs.flatMap(({ claims, units }) => [
    finalForToken(tokenTarget(claims), cause, endOfKnownToken(claims, policy)),
    ...units.map((target) => revocationOfUnit(target, cause, { cutoff, now, reusesIds }, policy)),
  ]);
  const ownUnits = proofs.flatMap(({ units }) => units.filter(({ kind }) => kind === 'session'));
  const own = facts.each(ownUnits, ({ id }) => facts.session(id));
  const known = [...new Set(own)].filter((session) => session !== undefined);
  const ownSessions = known.filter(({ issuer }) => issuer === acting.issuer);
  const subject = targetOf(acting, 'subject');
  if (scope === 'current' || !subject) return { revocations: current, sessions: ownSessions };

  const sessions = facts.sessionsOf(subject.issuer, subject.id);
  if (scope === 'all') {
    return { revocations: [...current, cutoffForName(subject, cause, cutoff, policy)], sessions };
  }
  const exceptKey = targetKey(unitOf(acting));
  return {
    revocations: [cutoffForName(subject, cause, cutoff, policy, { exceptKey })],
    sessions: sessions.filter((session) => session.sessionId !== acting.sessionId),
  };
}
