// A store that can be told to fail, for tests of what callers are answered then. It fails as storage does:
// rejecting with StoreUnavailable, or by having the database refuse an event, so that what a transaction
// leaves behind is tested on the real one.
import type { NewEvent } from '../../src/domain/audit.ts';
import type { Digest } from '../../src/domain/claims.ts';
import type { Decide, Question, Store, WaitingLine } from '../../src/domain/store.ts';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { BatchQueue, type QueueLimits } from '../../src/store/batch-queue.ts';

type Fault = 'none' | 'reads' | 'writes' | 'everything' | 'events';
type WaitingMax = QueueLimits['waitingMax'];

export type FaultyStore = Store & Faults;

/** The methods of the port that only read: they fail with the questions. All others are the store's own. */
const reads = /^(list|find|count)/;

export function faultyStore(store: Store): FaultyStore {
  const faults = new Faults(store);
  const get = (_: Faults, name: string) => {
    const isOwn = name in faults;
    const member = Reflect.get(isOwn ? faults : store, name);
    if (typeof member !== 'function') return member;
    if (isOwn || !reads.test(name)) return member.bind(isOwn ? faults : store);
    return (...of: readonly unknown[]) => faults.reading(() => member.apply(store, of));
  };
  return new Proxy(faults, { get }) as FaultyStore;
}

class Faults {
  /** `events`: the database refuses every audit event, and with it the transaction that appends it. */
  fault: Fault = 'none';
  /** The lines of all questions, and of all decisions. */
  readonly asked: WaitingLine[] = [];
  readonly written: WaitingLine[] = [];
  readonly #store: Store;
  #held: Held | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Holds questions and decisions of these lines until `release`: they wait in a queue of the store's own kind, and
   * are done one by one.
   */
  hold(questions: readonly WaitingLine[], decisions: readonly WaitingLine[], waitingMax: WaitingMax): void {
    this.#held = new Held(questions, decisions, waitingMax);
  }

  /** Resolves once so many are held: the first one under way, the others waiting. */
  async untilHeld(count: number): Promise<void> {
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    while ((this.#held?.count ?? 0) < count) await turn();
    await turn();
    await turn();
  }

  release(): void {
    this.#held?.release();
    this.#held = undefined;
  }

  ask<T>(question: Question<T>, line: WaitingLine = 'vouched', tokens: readonly Digest[] = []): Promise<T> {
    this.asked.push(line);
    const ask = () => this.reading(() => this.#store.ask(question, line, tokens));
    return this.#held?.questions.includes(line) ? this.#held.add(ask, line) : ask();
  }

  write<T>(decide: Decide<T>, line: WaitingLine = 'vouched'): Promise<T> {
    this.written.push(line);
    if (this.#fails('writes')) return Promise.reject(failure());
    const write = () => this.#store.write(this.fault === 'events' ? withRefusedEvents(decide) : decide, line);
    return this.#held?.decisions.includes(line) ? this.#held.add(write, line) : write();
  }

  touchSessions(...of: Parameters<Store['touchSessions']>): Promise<void> {
    return this.#fails('writes') ? Promise.reject(failure()) : this.#store.touchSessions(...of);
  }

  async findFaults(): Promise<Record<string, string>> {
    if (this.#fails('reads')) return { database: 'unreachable', migrations: 'unknown' };
    return this.#store.findFaults();
  }

  reading<T>(read: () => Promise<T>): Promise<T> {
    return this.#fails('reads') ? Promise.reject(failure()) : read();
  }

  #fails(what: Fault): boolean {
    return this.fault === what || this.fault === 'everything';
  }
}

class Held {
  readonly questions: readonly WaitingLine[];
  readonly decisions: readonly WaitingLine[];
  /** How many items came, refused ones included. */
  count = 0;
  readonly #queue: BatchQueue<() => Promise<unknown>>;
  release: () => void = () => {};

  constructor(questions: readonly WaitingLine[], decisions: readonly WaitingLine[], waitingMax: WaitingMax) {
    this.questions = questions;
    this.decisions = decisions;
    const released = new Promise<void>((resolve) => {
      this.release = resolve;
    });
    this.#queue = new BatchQueue(
      async (entries) => {
        await released;
        await Promise.all(entries.map((entry) => entry.item().then(entry.resolve, entry.reject)));
      },
      { batchMax: 1, lanes: 1, waitingMax, waitMsMax: Number.POSITIVE_INFINITY },
    );
  }

  add<T>(work: () => Promise<T>, line: WaitingLine): Promise<T> {
    this.count += 1;
    return this.#queue.add<T>(work, line);
  }
}

function failure(): StoreUnavailable {
  return new StoreUnavailable('told to fail by a test', { cause: { code: 'TEST' } });
}

/** An event without an action breaks the table's constraint, so the database itself refuses the commit. */
function withRefusedEvents<T>(decide: Decide<T>): Decide<T> {
  return (facts, now) => {
    const { outcome, effects } = decide(facts, now);
    const events = effects.events?.map((event) => ({ ...event, action: null }) as unknown as NewEvent);
    return { outcome, effects: events ? { ...effects, events } : effects };
  };
}
