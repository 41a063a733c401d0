// Orders that may be repeated: under one idempotency key an order is carried out once, and its repetition
// gets the first outcome. Key and outcome are committed with what was ordered.
import type { Digest } from './claims.ts';
import type { Decide } from './store.ts';
import { dayMs } from './values/durations.ts';

export interface OnceKey {
  /** Digest of the caller and its key, as callers do not share keys. */
  readonly keyDigest: Digest;
  readonly requestDigest: Digest;
}

export type Repeated = { readonly status: 'key_reused' };

const keptMs = dayMs;

/** Wraps a decision whose outcome is plain JSON. The same key with another request is `key_reused`. */
export function once<T>(key: OnceKey | null, decide: Decide<T>): Decide<T | Repeated> {
  if (key === null) return decide;
  return (facts, now) => {
    const earlier = facts.earlierOutcome(key.keyDigest);
    if (earlier) {
      const isSame = earlier.requestDigest === key.requestDigest;
      return { outcome: isSame ? (earlier.outcome as T) : { status: 'key_reused' }, effects: {} };
    }
    const { outcome, effects } = decide(facts, now);
    // A refused order may be acceptable when it is repeated.
    if (Object.keys(effects).length === 0) return { outcome, effects };
    return { outcome, effects: { ...effects, keepOutcome: { ...key, expiresAt: now + keptMs } } };
  };
}
