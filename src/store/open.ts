// Opens the store: the port of domain/store.ts over Knex. Questions are answered together (answer.ts), decisions are
// made durable together (committer.ts, commit.ts); see facts/ for how they get what they ask. Every other method is
// a query of its own, in tables/.
import { setTimeout } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Digest } from '../domain/claims.ts';
import type { LoggedRevocation } from '../domain/cutoffs.ts';
import type {
  EventCount,
  EventFilter,
  RevocationFilter,
  SessionPosition,
  TokenPage,
} from '../domain/listings.ts';
import type { Client } from '../domain/records/clients.ts';
import type { Issuer } from '../domain/records/issuers.ts';
import type { Session } from '../domain/sessions.ts';
import type { Decide, Question, Store, WaitingLine } from '../domain/store.ts';
import type { Target } from '../domain/targets.ts';
import type { RecordedEvent } from '../domain/trail/audit-leaf.ts';
import type { UpkeepStore } from '../domain/upkeep-store.ts';
import { type Asked, answerBatch } from './answer.ts';
import { BatchQueue } from './batch-queue.ts';
import { Committer } from './committer.ts';
import { dialectOf } from './dialect.ts';
import { findFaults } from './faults.ts';
import { closeDatabase, type DatabaseOptions, type OpenDatabase, openDatabase } from './open-database.ts';
import { countEvents, findEvent, listEvents, listEventsAfter } from './tables/audit-events.ts';
import { listClients, listOrigins } from './tables/clients.ts';
import { findEventHead } from './tables/heads.ts';
import { listIssuers } from './tables/issuers.ts';
import { findRevocation, listRevocations } from './tables/revocations.ts';
import { listSessionsOf, touchSessions } from './tables/sessions.ts';
import { listLatestIssuers, listTokensUnder } from './tables/tokens.ts';
import { guarded } from './unavailable.ts';
import { KnexUpkeep } from './upkeep/upkeep.ts';

export interface StoreOptions extends DatabaseOptions {
  /** Decisions committed together at most. */
  readonly batchMax?: number;
  /** Batches of questions under way at once. */
  readonly lanes?: number;
  /** How much each connection may keep of the database's pages, where the database runs in this process. */
  readonly pageCacheKiB?: number;
  /** An item that has waited for longer is refused; milliseconds. */
  readonly waitMsMax?: number;
}

/** Queue lengths: about one second of work each; `unvouched` gets a small share of it. */
const waitingMax = { vouched: 5_000, bulk: 10_000, unvouched: 1_000 };
/** As long as one statement may take, so that items do not wait for several statements behind one that hangs. */
const waitMsMaxDefault = 10_000;
const batchMaxDefault = 200;
/** About as long as a commit: while it is under way there is nothing else to do. */
const gatherMs = 2;
const lanesDefault = 4;

/** `sqlite:PATH` or `postgres://…`. Connects with the first question or decision, which rejects where that fails. */
export function openStore(databaseUrl: string, options: StoreOptions = {}): Store {
  const database = openDatabase(dialectOf(databaseUrl, options.pageCacheKiB), options);
  return new KnexStore(database, options);
}

/**
 * Takes the place of a server on this database until the process ends. False where there is one place only, as with
 * SQLite, and another process has it.
 */
export function takeServerPlace(databaseUrl: string): boolean {
  return dialectOf(databaseUrl).takeServerLock();
}

class KnexStore implements Store {
  readonly #database: OpenDatabase;
  readonly #reader: Knex;
  readonly #questions: BatchQueue<Asked>;
  readonly #decisions: BatchQueue<Decide>;
  readonly #committer: Committer;
  readonly upkeep: UpkeepStore;
  readonly mayBeLeft: boolean;

  constructor(database: OpenDatabase, options: StoreOptions) {
    this.#database = database;
    this.#reader = database.reader;
    this.#committer = new Committer(database);
    this.upkeep = new KnexUpkeep(database);
    this.mayBeLeft = !database.dialect.runsInProcess;
    const batchMax = options.batchMax ?? batchMaxDefault;
    const lanes = options.lanes ?? lanesDefault;
    const limits = { batchMax, waitingMax, waitMsMax: options.waitMsMax ?? waitMsMaxDefault };
    this.#questions = new BatchQueue((entries) => answerBatch(database, entries), { ...limits, lanes });
    const inTurn = { ...limits, lanes: 1, gatherMs };
    this.#decisions = new BatchQueue((entries) => this.#committer.commit(entries), inTurn);
  }

  ask<T>(question: Question<T>, line: WaitingLine = 'vouched', tokens: readonly Digest[] = []): Promise<T> {
    return this.#questions.add<T>({ question, tokens }, line);
  }

  write<T>(decide: Decide<T>, line: WaitingLine = 'vouched'): Promise<T> {
    return this.#decisions.add<T>(decide, line);
  }

  async warmUp(msMax: number): Promise<void> {
    const catchUp = async () => {
      await this.ask(() => undefined);
      await this.#database.memory.caughtUp();
    };
    // A failure here also fails the first requests, which report it.
    const caughtUp = catchUp().catch(() => undefined);
    await Promise.race([caughtUp, setTimeout(msMax, undefined, { ref: false })]);
  }

  listEvents(filter: EventFilter, before: number, limit: number): Promise<RecordedEvent[]> {
    return guarded(listEvents(this.#reader, filter, before, limit));
  }

  listEventsAfter(filter: EventFilter, after: number, limit: number): Promise<RecordedEvent[]> {
    return guarded(listEventsAfter(this.#reader, filter, after, limit));
  }

  findEvent(seq: number): Promise<RecordedEvent | undefined> {
    return guarded(findEvent(this.#reader, seq));
  }

  countEvents(filter: EventFilter, intervalMs: number, limit: number): Promise<EventCount[]> {
    return guarded(countEvents(this.#reader, filter, intervalMs, limit));
  }

  findEventHead(): Promise<number> {
    return guarded(findEventHead(this.#reader));
  }

  listRevocations(filter: RevocationFilter, before: number, limit: number): Promise<LoggedRevocation[]> {
    return guarded(listRevocations(this.#reader, filter, before, limit));
  }

  findRevocation(seq: number): Promise<LoggedRevocation | undefined> {
    return guarded(findRevocation(this.#reader, seq));
  }

  listTokensUnder(target: Target, after: readonly number[], limit: number): Promise<TokenPage> {
    return guarded(listTokensUnder(this.#reader, target, this.#database.clock.now(), after, limit));
  }

  listSessions(
    issuer: string,
    subject: string,
    after: SessionPosition | null,
    limit: number,
  ): Promise<Session[]> {
    return guarded(listSessionsOf(this.#reader, issuer, subject, this.#database.clock.now(), limit, after));
  }

  touchSessions(issuer: string, sessionIds: readonly string[], at: number): Promise<void> {
    return guarded(touchSessions(this.#database.writer, issuer, sessionIds, at));
  }

  listClients(after: string, limit: number): Promise<Client[]> {
    return guarded(listClients(this.#reader, after, limit));
  }

  listIssuers(after: string, limit: number): Promise<Issuer[]> {
    return guarded(listIssuers(this.#reader, after, limit));
  }

  listOrigins(): Promise<ReadonlySet<string>> {
    return guarded(listOrigins(this.#reader));
  }

  listLatestIssuers(): Promise<string[]> {
    return guarded(listLatestIssuers(this.#reader));
  }

  findFaults(): Promise<Record<string, string>> {
    return findFaults(this.#database, () => this.#committer.canWrite((decide) => this.write(decide)));
  }

  async close(): Promise<void> {
    await this.#questions.drained();
    await this.#decisions.drained();
    await closeDatabase(this.#database);
  }
}
