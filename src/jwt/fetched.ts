// A value that is fetched from an address which an administrator configured, such as an issuer's keys: kept, and
// fetched again. Additions are found without a restart, removals are noticed soon; but nobody can make us fetch
// often, and while the other side is down, the last value stays in use for a day.
import { setTimeout as delay } from 'node:timers/promises';
import { KeysUnavailable } from '../domain/tokens/token-verifier.ts';
import { dayMs } from '../domain/values/durations.ts';

/** The least time between two attempts. */
const coolDownMs = 10_000;
/** The same for a caller that must be certain, if the last attempt went well. */
const sureCoolDownMs = 1_000;
/** Timers may fire a millisecond early by the clock of `now`, and that clock may be slewed. */
const timerErrorMs = 5;
/** A value proves that something is missing from it if its fetch began within this time. */
const certainMs = coolDownMs;
/** After this, the value is fetched again even if nothing seems to be missing from it. */
const freshMs = 300_000;
/** How long the last value stays in use while the issuer is down. */
const lastingMs = dayMs;

export interface FetchedParts<Value> {
  /** As errors call it: `the keys of https://id.example`. */
  readonly what: string;
  readonly fetch: () => Promise<Value>;
  /** Given in the configuration itself: read once, and never out of date. */
  readonly isGiven: boolean;
  readonly now: () => number;
  /** Told of each fetch that failed, with words for the operator. */
  readonly onFailure: (problem: string) => void;
}

interface Loaded<Value> {
  readonly value: Value;
  readonly begunAt: number;
  readonly loadedAt: number;
  /** The `mark` with which this load was requested. */
  readonly mark: number;
}

export class Fetched<Value> {
  readonly #parts: FetchedParts<Value>;
  #loaded: Loaded<Value> | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #loading: Promise<void> | undefined;

  constructor(parts: FetchedParts<Value>) {
    this.#parts = parts;
  }

  /** What `current` would resolve to, if that takes no fetch. */
  held(mark = 0): Value | undefined {
    return this.#ifFresh(mark)?.value;
  }

  /**
   * The value now held, fetched again if it is stale. An administrator raises `mark` to have it fetched again.
   * Rejects with `KeysUnavailable` when there is nothing that may still be used.
   */
  async current(mark = 0): Promise<Value> {
    if (!this.#ifFresh(mark)) {
      const loading = this.#load(mark);
      // In an outage the value at hand is used at once, so that nobody waits for one time-out after another.
      if (!this.#hasFailed || !this.#ifUsable()) await loading;
    }
    return this.#valueOf(this.#ifUsable());
  }

  /**
   * For when something was missing from `current`: the value of a fetch that began at `since` or later (default 10 s
   * ago). Fetches if needed, waiting out a cool-down of up to 1 s. Rejects with `KeysUnavailable` if there is no such
   * value.
   */
  async certain(mark: number, since = this.#parts.now() - certainMs): Promise<Value> {
    if (!this.#ifBegun(since)) await this.#load(mark);
    if (!this.#ifBegun(since) && !this.#hasFailed) {
      const restMs = sureCoolDownMs - this.#msSince(this.#attemptedAt);
      await delay(Math.max(0, restMs + timerErrorMs));
      if (!this.#ifBegun(since)) await this.#load(mark, sureCoolDownMs);
    }
    return this.#valueOf(this.#ifBegun(since));
  }

  /** What was fetched since `mark` was set; rejects with `KeysUnavailable` when that failed. */
  async fresh(mark: number): Promise<Value> {
    if (!this.#ifFresh(mark)) await this.#load(mark);
    return this.#valueOf(this.#ifFresh(mark));
  }

  #ifFresh(mark: number): Loaded<Value> | undefined {
    const loaded = this.#ifYounger(freshMs);
    return this.#parts.isGiven || (loaded && loaded.mark >= mark) ? loaded : undefined;
  }

  #ifUsable(): Loaded<Value> | undefined {
    return this.#ifYounger(lastingMs);
  }

  #ifYounger(ageMs: number): Loaded<Value> | undefined {
    const loaded = this.#loaded;
    return this.#parts.isGiven || (loaded && this.#msSince(loaded.loadedAt) <= ageMs) ? loaded : undefined;
  }

  #ifBegun(since: number): Loaded<Value> | undefined {
    const loaded = this.#loaded;
    if (this.#parts.isGiven) return loaded;
    const hasBegun =
      loaded && loaded.begunAt >= since && this.#msSince(loaded.begunAt) < Number.POSITIVE_INFINITY;
    return hasBegun ? loaded : undefined;
  }

  /** A time in the future means that the clock was set back; how long ago it was is unknown. */
  #msSince(at: number): number {
    const ms = this.#parts.now() - at;
    return ms < 0 ? Number.POSITIVE_INFINITY : ms;
  }

  #valueOf(loaded: Loaded<Value> | undefined): Value {
    if (loaded) return loaded.value;
    const waitMs = coolDownMs - this.#msSince(this.#attemptedAt);
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    throw new KeysUnavailable(`${this.#parts.what} cannot be fetched`, seconds);
  }

  /** At most one fetch at a time, and none within the cool-down. Never rejects. */
  #load(mark: number, betweenMs = coolDownMs): Promise<void> {
    const isDue = this.#parts.isGiven || this.#msSince(this.#attemptedAt) >= betweenMs;
    if (!this.#loading && isDue)
      this.#loading = this.#fetch(mark).finally(() => {
        this.#loading = undefined;
      });
    return this.#loading ?? Promise.resolve();
  }

  async #fetch(mark: number): Promise<void> {
    const { now, fetch, onFailure } = this.#parts;
    const begunAt = now();
    this.#attemptedAt = begunAt;
    try {
      const value = await fetch();
      this.#loaded = { value, begunAt, loadedAt: now(), mark };
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      onFailure((error as Error).message);
    }
  }
}
