// What is fetched from an address that an administrator configured, as the keys of an issuer: kept, and fetched
// again. What is new there is found without a restart, and what left it is soon forgotten; but nobody can make us
// fetch often, and while the other side is down, what it said last goes on counting for a day.
import { setTimeout as delay } from 'node:timers/promises';
import { KeysUnavailable } from '../domain/known-token.ts';

/** Between two attempts. */
const coolDownMs = 10_000;
/** The same where an absence has to be certain and the last attempt went well. */
const sureCoolDownMs = 1_000;
/** That a key is unknown is an answer only this long after a fetch began. */
const certainMs = 30_000;
/** After this, the set is fetched again although nothing seems to be missing from it. */
const freshMs = 300_000;
/** While the issuer is down. */
const lastingMs = 86_400_000;

export interface FetchedParts<Value> {
  /** As errors call it: `the keys of https://id.example`. */
  readonly what: string;
  readonly fetch: () => Promise<Value>;
  /** It is in the configuration itself: read once, and never out of date. */
  readonly isGiven: boolean;
  readonly now: () => number;
  /** Told of each fetch that failed, with words for the operator. */
  readonly onFailure: (problem: string) => void;
}

interface Loaded<Value> {
  readonly value: Value;
  readonly at: number;
  /** When its fetch began. */
  readonly since: number;
  /** The wish for a fresh fetch that this load fulfilled. */
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

  /** What `current` would resolve to, if it would not fetch. */
  held(mark = 0): Value | undefined {
    return this.#isFresh(mark) && this.#isUsable() ? this.#loaded?.value : undefined;
  }

  /**
   * What is held now. `mark` changes when an administrator wants it fetched again. Rejects with
   * `KeysUnavailable` when there is nothing that may still be used.
   */
  async current(mark = 0): Promise<Value> {
    if (!this.#isFresh(mark)) {
      const loading = this.#load(mark);
      // In an outage what is at hand is used at once: nobody waits for one time-out after another.
      if (!this.#hasFailed || !this.#isUsable()) await loading;
    }
    if (!this.#loaded || !this.#isUsable()) throw this.#unavailable();
    return this.#loaded.value;
  }

  /**
   * What there is after something was missing from `current`, asked for at `since` or later; by default so lately that its
   * absence is nearly certain. Who must be certain waits a moment for it. Rejects with `KeysUnavailable` otherwise.
   */
  async certain(mark: number, since = this.#parts.now() - certainMs): Promise<Value> {
    if (!this.#isAsOf(since)) await this.#load(mark);
    if (!this.#isAsOf(since) && !this.#hasFailed) {
      await delay(Math.max(0, sureCoolDownMs - this.#msSince(this.#attemptedAt)));
      if (!this.#isAsOf(since)) await this.#load(mark, sureCoolDownMs);
    }
    if (!this.#loaded || !this.#isAsOf(since)) throw this.#unavailable();
    return this.#loaded.value;
  }

  /** What was fetched since `mark` was set; rejects with `KeysUnavailable` when that failed. */
  async fresh(mark: number): Promise<Value> {
    if (!this.#isFresh(mark)) await this.#load(mark);
    if (!this.#loaded || !this.#isFresh(mark)) throw this.#unavailable();
    return this.#loaded.value;
  }

  #isFresh(mark: number): boolean {
    if (this.#loaded === undefined) return false;
    return this.#parts.isGiven || (this.#age() <= freshMs && this.#loaded.mark >= mark);
  }

  #isUsable(): boolean {
    return this.#loaded !== undefined && (this.#parts.isGiven || this.#age() <= lastingMs);
  }

  #isAsOf(since: number): boolean {
    if (this.#loaded === undefined) return false;
    const { since: at } = this.#loaded;
    return this.#parts.isGiven || (at >= since && this.#msSince(at) < Number.POSITIVE_INFINITY);
  }

  #age(): number {
    return this.#msSince(this.#loaded?.at ?? Number.NEGATIVE_INFINITY);
  }

  /** What is later than now was before the clock was set back: nobody knows how long ago. */
  #msSince(at: number): number {
    const ms = this.#parts.now() - at;
    return ms < 0 ? Number.POSITIVE_INFINITY : ms;
  }

  #unavailable(): KeysUnavailable {
    const waitMs = coolDownMs - this.#msSince(this.#attemptedAt);
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new KeysUnavailable(`${this.#parts.what} cannot be had`, seconds);
  }

  /** At most one fetch at a time, and none within the cool-down. Never rejects. */
  #load(mark: number, betweenMs = coolDownMs): Promise<void> {
    if (this.#loading) return this.#loading;
    const { now, isGiven, fetch, onFailure } = this.#parts;
    if (!isGiven && this.#msSince(this.#attemptedAt) < betweenMs) return Promise.resolve();
    const since = now();
    this.#attemptedAt = since;
    this.#loading = fetch()
      .then((value) => {
        this.#loaded = { value, at: now(), since, mark };
        this.#hasFailed = false;
      })
      .catch((error: Error) => {
        this.#hasFailed = true;
        onFailure(error.message);
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }
}
