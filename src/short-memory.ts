// Records that administrators change, and that there is none of a name, remembered for less than a second, so that
// requests need not read them each time. A change made by any process counts within that time; one made here counts
// at once; and where several workers are one server, the answer to a change waits until none of them can remember what
// was before. Nothing has to be told to anyone, so nothing that may get lost is relied on.
import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';

const rememberMs = 800;

/** The time counts from before the reading: a record is never remembered for longer after it has changed. */
interface Since<Value> {
  readonly value: Value;
  readonly readAt: number;
}

function isFresh({ readAt }: Pick<Since<unknown>, 'readAt'>, at: number): boolean {
  return at - readAt < rememberMs;
}

export class ShortMemory<Value extends object> {
  /** Stale ones stay: what a record was tells something of who asks for it. */
  readonly #values: LRUCache<string, Since<Value>>;
  /** When it was read that there is none; apart, so that whoever makes names up drives no record out. */
  readonly #absent: LRUCache<string, number>;
  /** Of many requests that need the same record one reads it. */
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

  /** What is remembered, without waiting. */
  fresh(key: string): Value | undefined {
    const known = this.#values.get(key);
    return known && isFresh(known, this.#now()) ? known.value : undefined;
  }

  /** What is remembered, else what `read` resolves to, which is told what the record was before. */
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

  /** After a change made here; resolves when no worker of this server remembers what was before. */
  async forget(key: string): Promise<void> {
    this.#values.delete(key);
    this.#absent.delete(key);
    this.#readings.delete(key);
    if (this.#isShared) await setTimeout(rememberMs);
  }
}
