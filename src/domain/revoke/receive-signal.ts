// Signals from other systems (inboxes): a message of any standard becomes revocations under the names it gives. It
// counts once, and ends nothing that was issued after the event it reports.
import { eventOf, type NewEvent, type Origin } from '../audit.ts';
import { digestOf } from '../claims.ts';
import type { Cause, Restriction } from '../cutoffs.ts';
import type { Policy } from '../policy.ts';
import type { InboxKind, Issuer } from '../records/issuers.ts';
import type { Decision, Effects, Store } from '../store.ts';
import { everyIssuer, type Target } from '../targets.ts';
import { dayMs } from '../values/durations.ts';
import { decideRevocation, isFinalOrder, orderOf } from './revoke-target.ts';

export interface Signal {
  readonly kind: InboxKind;
  readonly issuer: Issuer;
  /** The key that signed the message. */
  readonly keyThumbprint: string;
  /** Milliseconds; when the event happened, as the message says. */
  readonly happenedAt: number;
  readonly jti: string;
  /** Empty: the message ends nothing (a verification event). */
  readonly targets: readonly Target[];
  readonly only: Restriction;
  readonly origin: Origin;
}

/**
 * `repeated`: the message was received before; `key_revoked`: its key was revoked, so a thief may have signed it. In
 * both cases nothing is done or written.
 */
export type SignalReceived = { readonly status: 'done' | 'repeated' | 'key_revoked' };

const rememberedMs = 7 * dayMs;

/** Acts on a message, and not again when it is repeated within seven days. Rejects with `StoreUnavailable`. */
export function receiveSignal(store: Store, policy: Policy, signal: Signal): Promise<SignalReceived> {
  // Not by its jti alone: a later message of an issuer that repeats them would end nothing. And one bearer token of a
  // global token revocation may come with several users, each in a request body of its own.
  const { kind, jti, happenedAt, targets } = signal;
  const digest = digestOf(`inbox\0${JSON.stringify([signal.issuer.issuer, kind, jti, happenedAt, targets])}`);
  const cause: Cause = { reason: 'identity_provider', reasonText: null, origin: signal.origin };
  return store.write((facts, now): Decision<SignalReceived> => {
    const [isUsed, ...ends] = facts.together(
      () => facts.isUsed(digest),
      ...[signal.issuer.issuer, everyIssuer].map(
        (issuer) => () => facts.final({ kind: 'key', issuer, id: signal.keyThumbprint }),
      ),
    );
    if (ends.some((row) => row !== undefined)) return { outcome: { status: 'key_revoked' }, effects: {} };
    if (isUsed) return { outcome: { status: 'repeated' }, effects: {} };
    const cutoff = cutoffOfEvent(signal.happenedAt, now, policy);
    const done = signal.targets.map((target): Effects => {
      const metadata = { inbox: signal.kind, from: signal.issuer.issuer };
      const order = orderOf(target, cause, 'bulk_revoke', { only: signal.only, metadata });
      const ordered = isFinalOrder(facts, order) ? order : { ...order, cutoff };
      return decideRevocation(facts, now, policy, ordered).effects;
    });
    return {
      outcome: { status: 'done' },
      effects: {
        usedIds: [{ digest, kind: 'inbox', expiresAt: now + rememberedMs }],
        revocations: done.flatMap(({ revocations }) => revocations ?? []),
        events:
          done.length === 0
            ? [ignoredSignal(signal, 'nothing_to_end')]
            : done.flatMap(({ events }) => events ?? []),
      },
    };
  });
}

/**
 * The event's own time, by the clock of its issuer; the message may give any number. A whole second stands for all of
 * it that has passed: what was issued in it and counted in milliseconds was issued before the message.
 */
function cutoffOfEvent(happenedAt: number, now: number, { clockSkewMs }: Policy): number {
  const at = Math.max(0, Math.ceil(happenedAt));
  const through = at % 1000 === 0 ? Math.max(at, Math.min(at + 999, now)) : at;
  return Math.min(through, now + clockSkewMs);
}

export function refusedSignal(origin: Origin, kind: InboxKind, why: string): NewEvent {
  return eventOf(origin, 'inbox_refused', { metadata: { inbox: kind, why } });
}

/** The event for a valid message that ends nothing. */
export function ignoredSignal(
  { origin, kind, issuer }: Signal,
  why: 'nothing_to_end' | 'repeated',
): NewEvent {
  return eventOf(origin, 'inbox_ignored', { metadata: { inbox: kind, from: issuer.issuer, why } });
}
