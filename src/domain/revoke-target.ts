// Revoking by name: one row ends everything under a target, whatever the number of tokens and whether we
// ever saw them. The management API, the command line, the end of a session and the inboxes all come here.
import { eventOf, type NewEvent } from './audit.ts';
import {
  type Cause,
  cutoffForName,
  finalForName,
  finalForToken,
  forever,
  type NewRevocation,
  type Restriction,
  safeIatAfter,
} from './cutoffs.ts';
import { type OnceKey, once, type Repeated } from './once.ts';
import type { Policy } from './policy.ts';
import type { Decision, Facts, Store } from './store.ts';
import { isFinalKind, type Target } from './targets.ts';
import type { AuditAction } from './vocabulary.ts';

export interface RevokeOrder {
  readonly target: Target;
  readonly only: Restriction;
  /** Milliseconds; null means now. Null for what is final. */
  readonly cutoff: number | null;
  /** When a known token ends: its row is needed no longer than that. */
  readonly expiresAt: number | null;
  readonly cause: Cause;
  readonly action: AuditAction;
  /** What the audit event says beside the target. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Plain JSON, so that it can be kept for a repeated order. */
export type TargetRevoked =
  | {
      /** `already_revoked`: a final revocation of this target was there before. */
      readonly status: 'revoked' | 'already_revoked';
      readonly seq: number;
      readonly revokedAt: number;
      /** `forever` when final. */
      readonly cutoff: number;
      /** The first whole-second `iat` that survives; null when none does. */
      readonly safeIatAfter: number | null;
    }
  | { readonly status: 'refused'; readonly parameter: 'cutoff'; readonly problem: string };

export function revokeTarget(
  store: Store,
  policy: Policy,
  order: RevokeOrder,
  key: OnceKey | null = null,
): Promise<TargetRevoked | Repeated> {
  return store.write(once(key, (facts, now) => decideRevocation(facts, now, policy, order)));
}

export function decideRevocation(
  facts: Facts,
  now: number,
  policy: Policy,
  order: RevokeOrder,
): Decision<TargetRevoked> {
  const problem = problemOf(order, policy, now);
  if (problem) return { outcome: { status: 'refused', parameter: 'cutoff', problem }, effects: {} };

  const row = rowOf(order, policy, now);
  const earlier = row.cutoff === forever ? facts.final(row.target) : undefined;
  const events = [eventFor(order, row, earlier !== undefined)];
  if (earlier) {
    const { seq, revokedAt, cutoff } = earlier;
    const outcome = { status: 'already_revoked', seq, revokedAt, cutoff, safeIatAfter: null } as const;
    return { outcome, effects: { events } };
  }
  return {
    outcome: ([seq = 0]) => ({
      status: 'revoked',
      seq,
      revokedAt: now,
      cutoff: row.cutoff,
      safeIatAfter: row.cutoff === forever ? null : safeIatAfter(row.cutoff),
    }),
    effects: { revocations: [row], events },
  };
}

/** What is wrong with the time of an order, if anything is. */
function problemOf({ target, cutoff }: RevokeOrder, policy: Policy, now: number): string | undefined {
  if (cutoff === null) return undefined;
  if (isFinalKind(target.kind)) return 'goes with subject, client and issuer only: this revocation is final';
  return cutoff > now + policy.clockSkewMs ? 'lies in the future' : undefined;
}

/** The row that an order writes. */
export function rowOf(order: RevokeOrder, policy: Policy, now: number): NewRevocation {
  const { target, only, cause, expiresAt } = order;
  if (!isFinalKind(target.kind))
    return cutoffForName(target, order.cutoff ?? now, cause, policy.lifetimeDaysMax, { only });
  return target.kind === 'token' && expiresAt !== null
    ? finalForToken(target, cause, expiresAt)
    : finalForName(target, cause, now, policy.lifetimeDaysMax);
}

function eventFor(order: RevokeOrder, row: NewRevocation, wasThere: boolean): NewEvent {
  const { target, only, cause, metadata } = order;
  const { kind, issuer, id } = target;
  const named = (which: Target['kind']) => (kind === which ? id : null);
  return eventOf(cause.origin, order.action, {
    reason: cause.reason,
    reasonText: cause.reasonText,
    userId: named('subject'),
    clientId: named('client') ?? only.clientId,
    sessionId: named('session'),
    tokenRef: named('token')?.slice(0, 16) ?? null,
    metadata: {
      ...metadata,
      kind,
      ...(kind === 'token' ? {} : { issuer }),
      ...(kind === 'jti' || kind === 'grant' || kind === 'key' ? { id } : {}),
      ...(only.tokenUse === null ? {} : { token_use: only.tokenUse }),
      ...(row.cutoff === forever ? {} : { cutoff: new Date(row.cutoff).toISOString() }),
      ...(wasThere ? { already_revoked: true } : {}),
    },
  });
}
