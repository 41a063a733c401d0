// One kind of fact for many questions at once: the loaded values, and the keys asked for in vain.
import type { Knex } from 'knex';

/** Thrown through a question or decision that asked for a fact which is not loaded yet. */
export class NotLoaded extends Error {
  override readonly name = 'NotLoaded';
}
const notLoaded = new NotLoaded();

/** Databases limit the parameters of a statement; a user's thousand sessions have tens of thousands of keys. */
export const keysPerQuery = 5_000;

/** How facts of one kind are found by their keys; `absent` is the value where `load` finds none. */
export interface FactKind<Value> {
  readonly load: (db: Knex, keys: string[], now: number) => Promise<Iterable<readonly [string, Value]>>;
  readonly absent: Value;
}

export class Shelf<Value> {
  readonly #kind: FactKind<Value>;
  readonly #loaded = new Map<string, Value>();
  readonly #wanted = new Set<string>();
  #absences = 0;

  constructor(kind: FactKind<Value>) {
    this.#kind = kind;
  }

  get(key: string): Value {
    const value = this.#loaded.get(key);
    if (value !== undefined || this.#loaded.has(key)) return value as Value;
    this.#wanted.add(key);
    throw notLoaded;
  }

  /** How many keys were looked up in vain. */
  get absences(): number {
    return this.#absences;
  }

  /** Loads what is wanted. */
  async fill(db: Knex, now: number): Promise<void> {
    if (this.#wanted.size === 0) return;
    const keys = [...this.#wanted];
    this.#wanted.clear();
    for (let from = 0; from < keys.length; from += keysPerQuery) {
      const some = keys.slice(from, from + keysPerQuery);
      this.#absences += this.put(some, await this.#kind.load(db, some, now));
    }
  }

  /** Takes in what was found under these keys. Returns how many have nothing. */
  put(keys: readonly string[], found: Iterable<readonly [string, Value]>): number {
    for (const key of keys) this.#loaded.set(key, this.#kind.absent);
    const present = new Map(found);
    for (const [key, value] of present) this.#loaded.set(key, value);
    return keys.length - present.size;
  }
}
