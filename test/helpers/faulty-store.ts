// A store that can be told to fail, for tests of what callers are answered then. It fails as storage does:
// rejecting with StoreUnavailable, or by having the database refuse an event, so that what a transaction
// leaves behind is tested on the real one.
import type { NewEvent } from '../../src/domain/audit.ts';
import type { Decide, Question, Store, WaitingLine } from '../../src/domain/store.ts';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { BatchQueue, type QueueLimits } from '../../src/store/batch-queue.ts';

export type Fault = 'none' | 'reads' | 'writes' | 'everything' | 'events';

export class FaultyStore implements Store {
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
  hold(
    questions: readonly WaitingLine[],
    decisions: readonly WaitingLine[],
    waitingMax: QueueLimits['waitingMax'],
  ): void {
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

  ask<T>(question: Question<T>, line: WaitingLine = 'vouched'): Promise<T> {
    this.asked.push(line);
    const ask = () => this.#reading(() => this.#store.ask(question, line));
    return this.#held?.questions.includes(line) ? this.#held.add(ask, line) : ask();
  }

  write<T>(decide: Decide<T>, line: WaitingLine = 'vouched'): Promise<T> {
    this.written.push(line);
    if (this.fault === 'writes' || this.fault === 'everything') return Promise.reject(failure());
    const write = () => this.#store.write(this.fault === 'events' ? withRefusedEvents(decide) : decide, line);
    return this.#held?.decisions.includes(line) ? this.#held.add(write, line) : write();
  }

  warmUp(...of: Parameters<Store['warmUp']>): Promise<void> {
    return this.#store.warmUp(...of);
  }

  listEvents(...of: Parameters<Store['listEvents']>): ReturnType<Store['listEvents']> {
    return this.#reading(() => this.#store.listEvents(...of));
  }

  listEventsAfter(...of: Parameters<Store['listEventsAfter']>): ReturnType<Store['listEventsAfter']> {
    return this.#reading(() => this.#store.listEventsAfter(...of));
  }

  findEvent(...of: Parameters<Store['findEvent']>): ReturnType<Store['findEvent']> {
    return this.#reading(() => this.#store.findEvent(...of));
  }

  countEvents(...of: Parameters<Store['countEvents']>): ReturnType<Store['countEvents']> {
    return this.#reading(() => this.#store.countEvents(...of));
  }

  get upkeep(): Store['upkeep'] {
    return this.#store.upkeep;
  }

  findEventHead(): Promise<number> {
    return this.#reading(() => this.#store.findEventHead());
  }

  listClients(...of: Parameters<Store['listClients']>): ReturnType<Store['listClients']> {
    return this.#reading(() => this.#store.listClients(...of));
  }

  listRevocations(...of: Parameters<Store['listRevocations']>): ReturnType<Store['listRevocations']> {
    return this.#reading(() => this.#store.listRevocations(...of));
  }

  findRevocation(...of: Parameters<Store['findRevocation']>): ReturnType<Store['findRevocation']> {
    return this.#reading(() => this.#store.findRevocation(...of));
  }

  listTokensUnder(...of: Parameters<Store['listTokensUnder']>): ReturnType<Store['listTokensUnder']> {
    return this.#reading(() => this.#store.listTokensUnder(...of));
  }

  listSessions(...of: Parameters<Store['listSessions']>): ReturnType<Store['listSessions']> {
    return this.#reading(() => this.#store.listSessions(...of));
  }

  touchSessions(...of: Parameters<Store['touchSessions']>): Promise<void> {
    const fails = this.fault === 'writes' || this.fault === 'everything';
    return fails ? Promise.reject(failure()) : this.#store.touchSessions(...of);
  }

  listLatestIssuers(): ReturnType<Store['listLatestIssuers']> {
    return this.#reading(() => this.#store.listLatestIssuers());
  }

  listIssuers(...of: Parameters<Store['listIssuers']>): ReturnType<Store['listIssuers']> {
    return this.#reading(() => this.#store.listIssuers(...of));
  }

  listOrigins(): Promise<ReadonlySet<string>> {
    return this.#reading(() => this.#store.listOrigins());
  }

  findFaults(): Promise<Record<string, string>> {
    const fails = this.fault === 'reads' || this.fault === 'everything';
    return fails
      ? Promise.resolve({ database: 'unreachable', migrations: 'unknown' })
      : this.#store.findFaults();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #reading<T>(read: () => Promise<T>): Promise<T> {
    return this.fault === 'reads' || this.fault === 'everything' ? Promise.reject(failure()) : read();
  }
}

class Held {
  readonly questions: readonly WaitingLine[];
  readonly decisions: readonly WaitingLine[];
  /** How many items came, refused ones included. */
  count = 0;
  readonly #queue: BatchQueue<() => Promise<unknown>>;
  #release: () => void = () => {};

  constructor(
    questions: readonly WaitingLine[],
    decisions: readonly WaitingLine[],
    waitingMax: QueueLimits['waitingMax'],
  ) {
    this.questions = questions;
    this.decisions = decisions;
    const released = new Promise<void>((resolve) => {
      this.#release = resolve;
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

  release(): void {
    this.#release();
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
