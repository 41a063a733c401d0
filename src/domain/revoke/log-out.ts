// Logging out: a token of a user lets its holder end its session, the user's other sessions, or all of them.
// Idempotent, and never an error for a dead token. A user id without proof logs nobody out; log-out-user.ts is for
// callers that need none.
import { about, eventOf, type NewEvent, type Origin } from '../audit.ts';
import { isSameUser } from '../claims.ts';
import { type Cause, safeIatAfterAll } from '../cutoffs.ts';
import { mayRetry } from '../grace.ts';
import { countLivingSessions, hasLivingToken, unitsLeft } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { type Target, targetOf } from '../targets.ts';
import type { KnownToken } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import { isRevocable, type Standing } from '../verdict.ts';
import type { AuditAction, InactiveReason, Reason } from '../vocabulary.ts';
import { finalsForDeadToken, findAgain, findEndable } from './endable-token.ts';
import { endingsOf, type LogoutScope, type Proof, type Proven, scopeGranted } from './logout-scope.ts';

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

/** What the decision works with. */
interface Logout extends Proven {
  readonly request: LogoutRequest;
  /** Another user was named as well, by the other token or by `claimedUserId`. */
  readonly isMismatch: boolean;
}

/** Logs out by possession of a token. Resolves to `token_not_found` without having written. */
export async function logOut(store: Store, policy: Policy, request: LogoutRequest): Promise<LoggedOut> {
  const presented = [request.refresh, request.bearer].filter((token) => token !== null);
  const known = await store.ask(
    (facts) => facts.each(presented, (token) => findEndable(facts, token)),
    'unvouched',
    presented.map(({ digest }) => digest),
  );
  const found = presented.flatMap((token, n) => (known[n] ? [{ presented: token, known: known[n] }] : []));
  const user = found[0]?.known;
  if (!user) return { status: 'already_logged_out', reason: 'token_not_found' };
  const ofUser = found.filter(({ known }) => isSameUser(user, known));
  const { claimedUserId } = request;
  const isMismatch =
    ofUser.length < found.length || (claimedUserId !== null && claimedUserId !== user.subject);
  // `unvouched`: anybody can repeat one token a thousand times.
  return store.write((facts, now) => {
    const proofs = proofsOf(facts, now, policy, ofUser);
    const acting = proofs[0] as Proof;
    return decide({ facts, now, policy, request, proofs, acting, isMismatch });
  }, 'unvouched');
}

/** A living token comes first, and acts, if there is one. */
function proofsOf(facts: Facts, now: number, policy: Policy, found: readonly Found[]): Proof[] {
  const tokens = facts.each(found, ({ presented, known }) => findAgain(facts, presented, known));
  const standings = facts.each(tokens, (claims) => facts.standing(claims));
  const proofs = tokens.map((claims, n): Proof => {
    const standing = standings[n] as Standing;
    const isLiving = isRevocable(claims, standing, now);
    const isInGrace = mayRetry(claims, standing, policy, now);
    return { claims, standing, isLiving, isInGrace, units: unitsLeft(claims, standing, unitsOf(claims)) };
  });
  return proofs.toSorted((one, other) => Number(other.isLiving) - Number(one.isLiving));
}

/** The grant and the session of a token; a token without a user dies alone. */
function unitsOf(claims: KnownToken): Target[] {
  if (claims.subject === null) return [];
  return [targetOf(claims, 'grant'), targetOf(claims, 'session')].filter((target) => target !== undefined);
}

function decide(logout: Logout): Decision<LoggedOut> {
  const { facts, now, proofs, acting } = logout;
  const units = proofs.flatMap((proof) => proof.units);
  const isAnythingLeft =
    acting.isLiving || proofs.some(({ isInGrace }) => isInGrace) || hasLivingToken(facts, units, now);
  return isAnythingLeft ? endLogins(logout) : nothingLeft(logout);
}

/** All that the proofs could end was revoked, or has expired. */
function nothingLeft(logout: Logout): Decision<LoggedOut> {
  const isRevoked = logout.proofs.some(({ standing }) => standing.coveredBy.length > 0);
  const events = eventsOf(logout, isRevoked ? 'logout_already_revoked' : 'logout_expired_token');
  const reason = isRevoked ? 'token_already_revoked' : 'token_expired';
  const cause = causeOf(logout);
  const revocations = logout.proofs.flatMap(({ claims, standing }) =>
    finalsForDeadToken(claims, standing, cause, logout.policy),
  );
  return { outcome: { status: 'already_logged_out', reason }, effects: { revocations, events } };
}

function endLogins(logout: Logout): Decision<LoggedOut> {
  const { facts, now, request, acting } = logout;
  const scope = scopeGranted(logout, request.scope);
  const { revocations, sessions } = endingsOf(logout, scope, causeOf(logout));
  const sessionsEnded = countLivingSessions(facts, sessions, now);
  return {
    outcome: (seqs) => ({
      status: 'logged_out',
      scope,
      userId: acting.claims.subject,
      revokedAt: now,
      sessionsEnded,
      // The cutoff that ends the grace interval of a token limits no other token.
      safeIatAfter: safeIatAfterAll(revocations.filter(({ target }) => target.kind !== 'token')),
      seq: Math.max(...seqs),
    }),
    effects: { revocations, events: eventsOf(logout, 'logout', scope) },
  };
}

function causeOf({ request: { reason, reasonText, origin }, acting }: Logout): Cause {
  return { reason, reasonText, origin: { ...origin, actor: { kind: 'user', id: acting.claims.subject } } };
}

/** A mismatch of users is an event of its own, before that of the logout. */
function eventsOf(logout: Logout, action: AuditAction, scope?: LogoutScope): NewEvent[] {
  const { request, acting, isMismatch } = logout;
  const { origin, reason, reasonText } = causeOf(logout);
  const event = (action: AuditAction, metadata: NewEvent['metadata']) =>
    eventOf(origin, action, { reason, reasonText, metadata, ...about(acting.claims) });
  const { metadata } = request;
  const done = event(action, scope === undefined ? metadata : { ...metadata, scope });
  return isMismatch ? [event('logout_user_mismatch', metadata), done] : [done];
}
