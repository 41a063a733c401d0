// A queue whose items are worked off together: while one batch is under way the next one gathers. An item
// joins no batch that has already begun, so its answer is never older than its question.
import { StoreUnavailable } from '../domain/store.ts';

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Settles one item of a batch. */
export interface Entry<Item> {
  readonly item: Item;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class BatchQueue<Item> {
  readonly #work: (entries: readonly Entry<Item>[]) => Promise<void>;
  readonly #batchMax: number;
  readonly #waitingMax: number;
  readonly #lanes: number;
  #waiting: Waiting<Item>[] = [];
  #running = 0;
  #scheduled = false;

  /** `work` settles every entry or rejects; `lanes` batches may be under way at once. */
  constructor(
    work: (entries: readonly Entry<Item>[]) => Promise<void>,
    limits: { batchMax: number; waitingMax: number; lanes: number },
  ) {
    this.#work = work;
    this.#batchMax = limits.batchMax;
    this.#waitingMax = limits.waitingMax;
    this.#lanes = limits.lanes;
  }

  add<T>(item: Item): Promise<T> {
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(new StoreUnavailable('too many requests wait for the database'));
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ item, resolve: resolve as (value: never) => void, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0 || this.#running > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** What arrives in the same turn of the event loop travels together. */
  #schedule(): void {
    if (this.#scheduled || this.#running >= this.#lanes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#batchMax) as Entry<Item>[];
    if (batch.length === 0) return;
    this.#running += 1;
    if (this.#waiting.length > 0) this.#schedule();
    try {
      await this.#work(batch);
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
    this.#running -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }
}
