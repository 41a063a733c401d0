// A queue that works items off in batches: while one batch is under way the next one gathers. An item never joins a
// batch that has begun, so its answer is never older than its question. Items wait in several lines, each with its
// own limit, so that none crowds out another.
import { type WaitingLine, waitingLines } from '../domain/store.ts';
import { StoreOverloaded } from '../domain/store-errors.ts';

/** An item that waits or is in a batch. */
export interface QueueEntry<Item> {
  readonly item: Item;
  readonly line: WaitingLine;
  /** Since when it waits; milliseconds. */
  readonly since: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface QueueLimits {
  readonly batchMax: number;
  /** Batches that may be under way at once. */
  readonly lanes: number;
  /** Milliseconds that a batch waits for company; absent: none. */
  readonly gatherMs?: number;
  readonly waitingMax: Readonly<Record<WaitingLine, number>>;
  /** An item that waited longer is refused when its turn comes, as its caller has probably given up. */
  readonly waitMsMax: number;
}

/**
 * Settles every entry, or rejects. If it resolves to a function, that settles them once the next batch has begun:
 * writing the answers takes as long as the disk takes for a batch, so the two run side by side.
 */
type Work<Item> = (entries: readonly QueueEntry<Item>[]) => Promise<(() => void) | undefined>;

/** While items wait in earlier lines, each later line gets one place in this many. */
const placesPerRound = 10;

export class BatchQueue<Item> {
  readonly #work: Work<Item>;
  readonly #limits: QueueLimits;
  readonly #now: () => number;
  readonly #waiting: Readonly<Record<WaitingLine, QueueEntry<Item>[]>> = {
    vouched: [],
    bulk: [],
    unvouched: [],
  };
  /** Places given out in this round. */
  #place = 0;
  #running = 0;
  #scheduled = false;
  /** The size of the last batch, and what ends the wait for its like. */
  #last = 0;
  #patience: NodeJS.Timeout | undefined;

  /** `now`: milliseconds of a clock that is never set back. */
  constructor(work: Work<Item>, limits: QueueLimits, now = () => performance.now()) {
    this.#work = work;
    this.#limits = limits;
    this.#now = now;
  }

  /** Rejects at once with `StoreOverloaded` when the line is full. */
  add<T>(item: Item, line: WaitingLine): Promise<T> {
    const waiting = this.#waiting[line];
    const waitingMax = this.#limits.waitingMax[line];
    if (waiting.length >= waitingMax) return Promise.reject(StoreOverloaded.full(line, waitingMax));
    return new Promise<T>((resolve, reject) => {
      const since = this.#now();
      waiting.push({ item, line, since, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    while (this.#count() > 0 || this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // Wait for the turn in which the last batch is settled.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #count(): number {
    return waitingLines.reduce((count, line) => count + this.#waiting[line].length, 0);
  }

  /**
   * Items that arrive in the same turn of the event loop go into one batch. Where a batch takes its time, those who were
   * just answered mostly ask again at once: then it waits for half as many as there were in the last one.
   */
  #schedule(): void {
    if (this.#scheduled || this.#running >= this.#limits.lanes) return;
    const { gatherMs } = this.#limits;
    if (gatherMs !== undefined && 2 * this.#count() < this.#last) {
      this.#patience ??= setTimeout(() => this.#hurry(), gatherMs);
      return;
    }
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // Left for later turns, what waits would only be joined by more: each turn also reads what every client sent.
      while (this.#count() > 0 && this.#running < this.#limits.lanes) void this.#run();
    });
  }

  #hurry(): void {
    this.#patience = undefined;
    this.#last = 0;
    this.#schedule();
  }

  /** Reserved places are given out first, so that no line starves; the others in the order of the lines. */
  #take(): QueueEntry<Item>[] {
    const size = Math.min(this.#limits.batchMax, this.#count());
    const taken = waitingLines.map((line, rank) =>
      Math.min(this.#waiting[line].length, this.#reserved(rank, size)),
    );
    let left = taken.reduce((rest, count) => rest - count, size);
    const batch = waitingLines.flatMap((line, rank) => {
      const waiting = this.#waiting[line];
      const reserved = taken[rank] as number;
      const further = Math.min(waiting.length - reserved, left);
      left -= further;
      return waiting.splice(0, reserved + further);
    });
    this.#place = (this.#place + size) % placesPerRound;
    this.#last = size;
    return batch;
  }

  /** How many of the next `size` places are reserved for a line: one per round for each but the first line. */
  #reserved(rank: number, size: number): number {
    if (rank === 0) return 0;
    const until = (place: number) => Math.floor((place + placesPerRound - 1 - rank) / placesPerRound);
    return until(this.#place + size) - until(this.#place);
  }

  /** Refuses entries that waited too long; returns the others. */
  #inTime(batch: QueueEntry<Item>[]): QueueEntry<Item>[] {
    const { waitMsMax } = this.#limits;
    const first = this.#now() - waitMsMax;
    const isLate = ({ since }: QueueEntry<Item>) => since < first;
    if (!batch.some(isLate)) return batch;
    for (const { line, reject } of batch.filter(isLate)) reject(StoreOverloaded.late(line, waitMsMax));
    return batch.filter((entry) => !isLate(entry));
  }

  async #run(): Promise<void> {
    const batch = this.#inTime(this.#take());
    if (batch.length === 0) return this.#count() > 0 ? this.#schedule() : undefined;
    this.#running += 1;
    if (this.#count() > 0) this.#schedule();
    let settle: (() => void) | undefined;
    try {
      settle = await this.#work(batch);
    } catch (error) {
      settle = () => {
        for (const entry of batch) entry.reject(error);
      };
    }
    this.#running -= 1;
    if (this.#count() > 0) this.#schedule();
    // Runs after the batch that was scheduled last has begun.
    if (settle) setImmediate(settle);
  }
}
