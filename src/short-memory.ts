// Remembers records, and that there is none of a name, for 0.8 s, so that requests need not read them each time. A
// change counts at once here and within 0.8 s elsewhere; with several workers `forget` waits 0.8 s, so that after the
// answer none holds the old record. No messages, so none can be lost.
import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';

const rememberMs = 800;
/** Timers may fire a millisecond early. */
const timerErrorMs = 2;

/** Timed from before the reading, so that no record is remembered for longer than `rememberMs` after it has changed. */
interface Since<Value> {
  readonly value: Value;
  readonly readAt: number;
}

function isFresh({ readAt }: Pick<Since<unknown>, 'readAt'>, at: number): boolean {
  return at - readAt < rememberMs;
}

export class ShortMemory<Value extends object> {
  /** Stale values stay: `find` passes them to `read`. */
  readonly #values: LRUCache<string, Since<Value>>;
  /** When a name was found to have no record. Kept apart, so that made-up names drive no record out. */
  readonly #absent: LRUCache<string, number>;
  /** Concurrent requests for the same record share one reading. */
  readonly #readings = new Map<string, Since<Promise<Value | undefined>>>();
  readonly #isShared: boolean;
  readonly #now: () => number;

  /**
   * `isShared`: other workers of this server remember the same records. `now`: milliseconds of a clock that is never
   * set back.
   */
  constructor({ max, isShared }: { max: number; isShared: boolean }, now = () => performance.now()) {
    this.#values = new LRUCache({ max });
    this.#absent = new LRUCache({ max });
    this.#isShared = isShared;
    this.#now = now;
  }

  /** The value, if it is remembered; does not wait. */
  recall(key: string): Value | undefined {
    const known = this.#values.get(key);
    return known && isFresh(known, this.#now()) ? known.value : undefined;
  }

  /** The remembered value, else what `read` resolves to. `read` is given the last known value. */
  async find(
    key: string,
    read: (before: Value | undefined) => Promise<Value | undefined>,
  ): Promise<Value | undefined> {
    const readAt = this.#now();
    const known = this.#values.get(key);
    if (known && isFresh(known, readAt)) return known.value;
    const absentAt = this.#absent.get(key);
    if (absentAt !== undefined && isFresh({ readAt: absentAt }, readAt)) return undefined;
    const underWay = this.#readings.get(key);
    if (underWay && isFresh(underWay, readAt)) return underWay.value;
    const reading = { value: read(known?.value), readAt };
    this.#readings.set(key, reading);
    try {
      const value = await reading.value;
      if (this.#readings.get(key) === reading) {
        if (value) {
          this.#values.set(key, { value, readAt });
        } else {
          this.#values.delete(key);
          this.#absent.set(key, readAt);
        }
      }
      return value;
    } finally {
      if (this.#readings.get(key) === reading) this.#readings.delete(key);
    }
  }

  /** Call after a change made here; resolves when no worker of this server remembers the old value. */
  async forget(key: string): Promise<void> {
    this.#values.delete(key);
    this.#absent.delete(key);
    this.#readings.delete(key);
    if (this.#isShared) await setTimeout(rememberMs + timerErrorMs);
  }
}
