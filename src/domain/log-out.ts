// Logging out: whoever holds a token of a user ends its session, the user's other sessions, or all of them.
// Idempotent, and never an error for a dead token. A user id that no token proves logs nobody out.
import { about, eventOf, type NewEvent, type Origin } from './audit.ts';
import {
  type Cause,
  cutoffForName,
  cutoffOf,
  endOfUnit,
  finalForToken,
  type NewRevocation,
  safeIatAfter,
} from './cutoffs.ts';
import { endOf, findAgain, findEndable, type KnownToken, type Presented } from './known-token.ts';
import type { Policy } from './policy.ts';
import { hasLivingBearer } from './remains.ts';
import type { Session } from './sessions.ts';
import type { Decision, Facts, Store } from './store.ts';
import { sessionTarget, type Target, targetKey, targetOf, tokenTarget, unitOf } from './targets.ts';
import { isRevocable, type Standing } from './verdict.ts';
import type { AuditAction, InactiveReason, Reason } from './vocabulary.ts';

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
  /** The refresh token acts, the bearer when that is unknown. */
  readonly refresh: Presented | null;
  readonly bearer: Presented | null;
  /** Null: what is usual for the token. */
  readonly scope: LogoutScope | null;
  /** The user id sent beside the token, unproven. */
  readonly claimedUserId: string | null;
  readonly reason: Reason;
  readonly reasonText: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
}

interface Proof {
  readonly presented: Presented;
  readonly known: KnownToken;
}

/** Logs out by possession of a token. Resolves to `token_not_found` without having written. */
export async function logOut(store: Store, policy: Policy, request: LogoutRequest): Promise<LoggedOut> {
  const presented = [request.refresh, request.bearer].filter((token) => token !== null);
  const known = await store.ask(
    (facts) => facts.together(...presented.map((token) => () => findEndable(facts, token))),
    'unvouched',
  );
  const found = presented.flatMap((token, n) => (known[n] ? [{ presented: token, known: known[n] }] : []));
  const [acting, other] = found.map(({ known }) => known);
  if (!acting) return { status: 'already_logged_out', reason: 'token_not_found' };
  const sameUser = other !== undefined && other.issuer === acting.issuer && other.subject === acting.subject;
  const proofs = sameUser ? found : found.slice(0, 1);
  const mismatch =
    (other !== undefined && !sameUser) ||
    (request.claimedUserId !== null && request.claimedUserId !== acting.subject);
  // One token, shown a thousand times, is no better than garbage.
  return store.write((facts, now) => decide(facts, now, policy, request, proofs, mismatch), 'unvouched');
}

export interface LogoutUserRequest {
  readonly userId: string;
  readonly reason: Reason;
  readonly reasonText: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
}

/** Logs a user of ours out everywhere, on the word of a caller who may revoke anything. */
export async function logOutUser(
  store: Store,
  policy: Policy,
  request: LogoutUserRequest,
): Promise<LoggedOut> {
  return store.write((facts, now) => {
    const { userId, reason, reasonText, metadata, origin } = request;
    const subject: Target = { kind: 'subject', issuer: policy.publicUrl, id: userId };
    const sessionsEnded = countLiving(facts, facts.sessionsOf(policy.publicUrl, userId), now);
    return {
      outcome: (seqs) => ({
        status: 'logged_out',
        scope: 'all',
        userId,
        revokedAt: now,
        sessionsEnded,
        safeIatAfter: safeIatAfter(now),
        seq: Math.max(...seqs),
      }),
      effects: {
        revocations: [cutoffForName(subject, now, request, policy.lifetimeDaysMax)],
        events: [
          eventOf(origin, 'logout', { userId, reason, reasonText, metadata: { ...metadata, scope: 'all' } }),
        ],
      },
    };
  });
}

function decide(
  facts: Facts,
  now: number,
  policy: Policy,
  request: LogoutRequest,
  found: readonly Proof[],
  mismatch: boolean,
): Decision<LoggedOut> {
  const tokens = facts.together(
    ...found.map(
      ({ presented, known }) =>
        () =>
          findAgain(facts, presented, known),
    ),
  );
  const standings = facts.together(...tokens.map((claims) => () => facts.standing(claims)));
  const units = tokens.flatMap(sharedUnits);
  const living = tokens.filter((claims, n) => isRevocable(claims, standings[n] as Standing, now));
  // One that is alive acts, if any is.
  const proofs = [...living, ...tokens.filter((claims) => !living.includes(claims))];
  const acting = proofs[0] as KnownToken;
  const events = mismatch ? [eventBy(acting, request, 'logout_user_mismatch')] : [];

  if (living.length === 0 && !hasLivingBearer(facts, units, now)) {
    const isRevoked = standings.some((standing) => standing.coveredBy.length > 0);
    return nothingLeft(isRevoked, acting, request, events);
  }
  const scope = living.length === 0 ? 'current' : scopeGranted(facts, request.scope, acting);
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
  proofs: readonly KnownToken[],
  scope: LogoutScope,
  events: readonly NewEvent[],
): Decision<LoggedOut> {
  const acting = proofs[0] as KnownToken;
  const cutoff = cutoffOf(proofs, now, policy.clockSkewMs);
  const { reason, reasonText } = request;
  const cause = { reason, reasonText, origin: originBy(acting, request) };
  const { revocations, sessions } = plan(facts, now, policy, cause, proofs, scope, cutoff);
  const sessionsEnded = sessions.length === 0 ? null : countLiving(facts, sessions, now);
  return {
    outcome: (seqs) => ({
      status: 'logged_out',
      scope,
      userId: acting.subject,
      revokedAt: now,
      sessionsEnded,
      safeIatAfter: scope === 'current' ? null : safeIatAfter(cutoff),
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

/** The grant and the session of a token: what `current` ends beside the token itself. */
function sharedUnits(claims: KnownToken): Target[] {
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

/** The first of the proofs acts. */
function plan(
  facts: Facts,
  now: number,
  policy: Policy,
  cause: Cause,
  proofs: readonly KnownToken[],
  scope: LogoutScope,
  cutoff: number,
): { revocations: NewRevocation[]; sessions: readonly Session[] } {
  const days = policy.lifetimeDaysMax;
  const acting = proofs[0] as KnownToken;
  const reusesIds = facts.issuer(acting.issuer)?.reusesIds ?? false;
  const current = proofs.flatMap((claims) => [
    finalForToken(tokenTarget(claims), cause, endOf(claims, days)),
    ...sharedUnits(claims).map((target) => endOfUnit(target, cause, cutoff, now, days, reusesIds)),
  ]);
  const own = facts.together(
    ...proofs.map(
      (claims) => () => (claims.sessionId === null ? undefined : facts.session(claims.sessionId)),
    ),
  );
  const ownSessions = own.filter(
    (session, n) => session?.issuer === acting.issuer && own.indexOf(session) === n,
  );
  const subject = targetOf(acting, 'subject');
  if (scope === 'current' || !subject) return { revocations: current, sessions: ownSessions as Session[] };

  const sessions = facts.sessionsOf(subject.issuer, subject.id);
  if (scope === 'all') {
    return { revocations: [...current, cutoffForName(subject, cutoff, cause, days)], sessions };
  }
  const exceptKey = targetKey(unitOf(acting));
  return {
    revocations: [cutoffForName(subject, cutoff, cause, days, { exceptKey })],
    sessions: sessions.filter((session) => session.sessionId !== acting.sessionId),
  };
}

function countLiving(facts: Facts, sessions: readonly Session[], now: number): number | null {
  if (sessions.length === 0) return null;
  const targets = sessions.map(sessionTarget);
  const areAlive = facts.together(...targets.map((target) => () => hasLivingBearer(facts, [target], now)));
  return areAlive.filter((isAlive) => isAlive).length;
}
