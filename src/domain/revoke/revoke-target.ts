// Revoking by name: one row ends everything under a target, whatever the number of tokens and whether we
// ever saw them. The management API, the command line, the end of a session and the inboxes all come here.
import {
  type Cause,
  cutoffForName,
  finalForName,
  finalForToken,
  forever,
  isRestricted,
  type NewRevocation,
  type Restriction,
  type Revocation,
  safeIatAfterAll,
  unrestricted,
} from '../cutoffs.ts';
import { mayRetry } from '../grace.ts';
import { endsForGood } from '../living-units.ts';
import { type OnceKey, once, type Repeated } from '../once.ts';
import type { Policy } from '../policy.ts';
import type { Decision, Facts, Store } from '../store.ts';
import type { Target } from '../targets.ts';
import { laterEnd, openEnd } from '../token-life.ts';
import type { AuditAction } from '../vocabulary.ts';
import { eventFor } from './order-event.ts';

export interface RevokeOrder {
  readonly target: Target;
  /** More targets of the same kind: the other keys that a kid has named. */
  readonly further: readonly Target[];
  readonly only: Restriction;
  /** Milliseconds; null: now, or for good. */
  readonly cutoff: number | null;
  /** When a registered token ends: its row is kept no longer than that. */
  readonly end: number | null;
  /** When the JWT would end by its signature: its row is kept until then at least. */
  readonly signedEnd: number | null;
  readonly cause: Cause;
  readonly action: AuditAction;
  /** What the audit event says beside the target. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** An order that ends all that bears this name, now or for good, overridden by `fields`. */
export function orderOf(
  target: Target,
  cause: Cause,
  action: AuditAction,
  fields: Partial<RevokeOrder> = {},
): RevokeOrder {
  const plain = { further: [], only: unrestricted, cutoff: null, end: null, signedEnd: null, metadata: {} };
  return { target, cause, action, ...plain, ...fields };
}

/** The parts of an order that its answer repeats, as a repeated order may resolve to something else by then. */
export type Ordered = Pick<RevokeOrder, 'target' | 'further' | 'only'>;

/** Plain JSON, so that it can be kept for a repetition of the order. */
export type TargetRevoked =
  | TargetEnded
  | { readonly status: 'refused'; readonly parameter: 'cutoff'; readonly problem: string };

export interface TargetEnded {
  /** `already_revoked`: a final revocation of this target was there before. */
  readonly status: 'revoked' | 'already_revoked';
  /** Of the row of the target that the order names. */
  readonly seq: number;
  /** Whoever has read the log to here knows of all its rows. */
  readonly lastSeq: number;
  readonly revokedAt: number;
  /** `forever` when final. */
  readonly cutoff: number;
  /** The first whole-second `iat` that survives; null when none does. */
  readonly safeIatAfter: number | null;
  readonly ordered: Ordered;
  /** That of the earlier row, if there was one. */
  readonly cause: Pick<Cause, 'reason' | 'reasonText'>;
}

/**
 * Ends everything that bears a target's name, with one row per target. A repeated order with the same idempotency key
 * gets the first outcome. Rejects with `StoreUnavailable`.
 */
export async function revokeTarget(
  store: Store,
  policy: Policy,
  order: RevokeOrder,
  key: OnceKey | null = null,
): Promise<TargetRevoked | Repeated> {
  const outcome = await store.write(once(key, (facts, now) => decideRevocation(facts, now, policy, order)));
  if (outcome.status !== 'already_revoked') return outcome;
  const row = await store.findRevocation(outcome.seq);
  return row ? { ...outcome, cause: { reason: row.reason, reasonText: row.reasonText } } : outcome;
}

export function decideRevocation(
  facts: Facts,
  now: number,
  policy: Policy,
  order: RevokeOrder,
): Decision<TargetRevoked> {
  const isForGood = isFinalOrder(facts, order);
  const problem = problemOf(order, policy, now, isForGood);
  if (problem) return { outcome: { status: 'refused', parameter: 'cutoff', problem }, effects: {} };

  const targets = [order.target, ...order.further];
  // A refresh token in its grace interval has a final row, by which it was replaced, and may be replaced again all the
  // same. Only a row with a cutoff, beside that one, ends this.
  const areFinal = facts.each(targets, (target) => isForGood && !isInGrace(facts, now, policy, target));
  const rows = targets.map((target, n) => rowOf({ ...order, target }, policy, now, areFinal[n] === true));
  const earlier = facts
    .each(
      targets.filter((_, n) => areFinal[n]),
      (target) => facts.final(target),
    )
    .filter((row) => row !== undefined);
  const wasThere = earlier.length === targets.length;
  const events = [eventFor(order, rows[0] as NewRevocation, wasThere)];
  const { target, further, only } = order;
  const ordered = { target, further, only };
  if (wasThere) return { outcome: endedBefore(ordered, earlier), effects: { events } };
  const { cutoff } = rows[0] as NewRevocation;
  const { reason, reasonText } = order.cause;
  return {
    outcome: (seqs) => ({
      status: 'revoked',
      seq: seqs[0] as number,
      lastSeq: Math.max(...seqs),
      revokedAt: now,
      cutoff: isForGood ? forever : cutoff,
      safeIatAfter: isForGood ? null : safeIatAfterAll(rows),
      ordered,
      cause: { reason, reasonText },
    }),
    effects: { revocations: rows, events },
  };
}

/** May the client of this refresh token, which was just replaced, still ask for another successor? */
function isInGrace(facts: Facts, now: number, policy: Policy, { kind, id }: Target): boolean {
  if (kind !== 'token' || policy.refreshGraceMs === 0) return false;
  const [byString, bySignature] = facts.together(
    () => facts.token(id),
    () => facts.jwt(id),
  );
  const token = byString ?? bySignature;
  return token !== undefined && mayRetry(token, facts.standing(token), policy, now);
}

/** `earlier`: the final rows of its targets. */
function endedBefore(ordered: Ordered, earlier: readonly Revocation[]): TargetEnded {
  const { seq, revokedAt, cutoff, reason } = earlier[0] as Revocation;
  return {
    status: 'already_revoked',
    seq,
    lastSeq: Math.max(...earlier.map((row) => row.seq)),
    revokedAt,
    cutoff,
    safeIatAfter: null,
    ordered,
    // The text is in the log alone, and may be purged before a repetition asks for it.
    cause: { reason, reasonText: null },
  };
}

/** Is what this order writes final? */
export function isFinalOrder(facts: Facts, { target, only }: RevokeOrder): boolean {
  return !isRestricted(only) && endsForGood(facts, target);
}

/** What is wrong with the time of an order, if anything is. */
export function problemOf(
  { cutoff }: RevokeOrder,
  policy: Policy,
  now: number,
  isForGood: boolean,
): string | undefined {
  if (cutoff === null) return undefined;
  if (isForGood) return 'goes with subject, client and issuer only: this revocation is final';
  return cutoff > now + policy.clockSkewMs ? 'lies in the future' : undefined;
}

/** The row that an order writes. */
export function rowOf(order: RevokeOrder, policy: Policy, now: number, isForGood: boolean): NewRevocation {
  const { target, only, cause, end, signedEnd } = order;
  if (!isForGood) return cutoffForName(target, cause, order.cutoff ?? now, policy, { only });
  if (target.kind !== 'token') return finalForName(target, cause, now, policy);
  const known = end ?? openEnd(now);
  return finalForToken(target, cause, laterEnd(known, signedEnd ?? known, policy));
}
