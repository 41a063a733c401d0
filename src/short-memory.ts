// Records that administrators change, remembered for less than a second, so that requests need not read them
// each time. A change made by any process counts within that time; one made here counts at once; and where
// several workers are one server, the answer to a change waits until none of them can remember what was
// before. Nothing has to be told to anyone, so nothing that may get lost is relied on.
import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';

export const rememberMs = 800;

export class ShortMemory<Value extends object> {
  readonly #values: LRUCache<string, Value>;
  readonly #isShared: boolean;
  #changes = 0;

  /** `isShared`: other workers of this server remember the same records. */
  constructor({ max, isShared }: { max: number; isShared: boolean }) {
    // Without a resolution the clock is read for each look-up: a stale reading would stretch the time.
    this.#values = new LRUCache({ max, ttl: rememberMs, ttlResolution: 0 });
    this.#isShared = isShared;
  }

  /** What is remembered, else what `read` resolves to; undefined is not remembered. */
  async find(key: string, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const known = this.#values.get(key);
    if (known) return known;
    const changes = this.#changes;
    // The time counts from before the reading: a record is never remembered for longer after it has changed.
    const start = performance.now();
    const value = await read();
    if (value && changes === this.#changes) this.#values.set(key, value, { start });
    return value;
  }

  /** After a change made here; resolves when no worker of this server remembers what was before. */
  async forget(key: string): Promise<void> {
    this.#changes += 1;
    this.#values.delete(key);
    if (this.#isShared) await setTimeout(rememberMs);
  }
}
