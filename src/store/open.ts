// Opens the store: the port of domain/store.ts over Knex. Questions are answered together, decisions are
// made durable together; see facts.ts for how they get what they ask.
import { setTimeout } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Client } from '../domain/clients.ts';
import type { LoggedRevocation } from '../domain/cutoffs.ts';
import type { Issuer } from '../domain/issuers.ts';
import type { Session } from '../domain/sessions.ts';
import {
  type BearerPage,
  type Decision,
  type EventCount,
  type EventFilter,
  type Facts,
  type RevocationFilter,
  type SessionPosition,
  type Store,
  StoreUnavailable,
  type WaitingLine,
} from '../domain/store.ts';
import type { Target } from '../domain/targets.ts';
import type { RecordedEvent } from '../domain/trail/audit-leaf.ts';
import type { UpkeepStore } from '../domain/upkeep-store.ts';
import { BatchQueue, type QueueEntry } from './batch-queue.ts';
import { type CommitResult, commitBatch } from './commit.ts';
import { type Dialect, dialectOf, findRow } from './dialect.ts';
import { LoadedFacts } from './facts.ts';
import { Memory } from './memory.ts';
import { migrationStatusOf } from './migrate.ts';
import { NotLoaded } from './shelf.ts';
import { countEvents, findEvent, listEvents, listEventsAfter } from './tables/audit-events.ts';
import { listClients, listOrigins } from './tables/clients.ts';
import { findEventHead, readHeads } from './tables/heads.ts';
import { listIssuers } from './tables/issuers.ts';
import { findRevocation, listRevocations } from './tables/revocations.ts';
import { listSessionsOf, touchSessions } from './tables/sessions.ts';
import { listBearers, listLatestIssuers } from './tables/tokens.ts';
import { timeAfter } from './time.ts';
import { guarded, replaced, toUnavailable } from './unavailable.ts';
import { KnexUpkeep } from './upkeep.ts';

type Question = (facts: Facts, now: number) => unknown;
type Decide = (facts: Facts, now: number) => Decision<unknown>;

export interface StoreOptions {
  /** Milliseconds since the epoch; given by tests, otherwise the database's or the machine's own. */
  readonly now?: () => number;
  /** Decisions committed together at most. */
  readonly batchMax?: number;
  /** Batches of questions under way at once. */
  readonly lanes?: number;
  /** For the pages that each connection keeps at most, where the database runs in this process. */
  readonly pageCacheKiB?: number;
  /** An item that waited for more milliseconds is refused. */
  readonly waitMsMax?: number;
}

/** Queue lengths: about one second of work for `vouched`, and for `unvouched`. */
const waitingMax = { vouched: 5_000, bulk: 10_000, unvouched: 1_000 };
/** As long as one statement may take, so that items do not wait for several statements behind one that hangs. */
const waitMsMaxDefault = 10_000;
const batchMaxDefault = 200;
const lanesDefault = 4;
const attemptsMax = 4;
const clockDifferenceMs = 1_000;
/** Looking at the file for every batch of questions could cost as much as their answers. */
const inPlaceAgeMs = 100;

/** `sqlite:PATH` or `postgres://…`. Connects with the first question or decision, which rejects where that fails. */
export function openStore(databaseUrl: string, options: StoreOptions = {}): Store {
  return new KnexStore(dialectOf(databaseUrl, options.pageCacheKiB), options);
}

class KnexStore implements Store {
  readonly #dialect: Dialect;
  readonly #reader: Knex;
  readonly #writer: Knex;
  readonly #now: () => number;
  readonly #clockSql: string | null;
  readonly #memory: Memory;
  readonly #questions: BatchQueue<Question>;
  readonly #decisions: BatchQueue<Decide>;
  #hasFailedToWrite = false;
  readonly upkeep: UpkeepStore;

  constructor(dialect: Dialect, options: StoreOptions) {
    this.#dialect = dialect;
    this.#reader = dialect.openReader();
    this.#writer = dialect.openWriter();
    this.#memory = new Memory(this.#reader);
    this.upkeep = new KnexUpkeep(dialect, this.#reader, this.#writer);
    this.#now = options.now ?? Date.now;
    this.#clockSql = options.now ? null : dialect.clockSql;
    const batchMax = options.batchMax ?? batchMaxDefault;
    const lanes = options.lanes ?? lanesDefault;
    const limits = { batchMax, waitingMax, waitMsMax: options.waitMsMax ?? waitMsMaxDefault };
    this.#questions = new BatchQueue((entries) => this.#answer(entries), { ...limits, lanes });
    this.#decisions = new BatchQueue((entries) => this.#commit(entries), { ...limits, lanes: 1 });
  }

  ask<T>(question: (facts: Facts, now: number) => T, line: WaitingLine = 'vouched'): Promise<T> {
    return this.#questions.add<T>(question, line);
  }

  write<T>(decide: (facts: Facts, now: number) => Decision<T>, line: WaitingLine = 'vouched'): Promise<T> {
    return this.#decisions.add<T>(decide, line);
  }

  async warmUp(msMax: number): Promise<void> {
    const catchUp = async () => {
      await this.ask(() => undefined);
      await this.#memory.caughtUp();
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

  listBearers(target: Target, after: readonly number[], limit: number): Promise<BearerPage> {
    return guarded(listBearers(this.#reader, target, this.#now(), after, limit));
  }

  listSessions(
    issuer: string,
    subject: string,
    after: SessionPosition | null,
    limit: number,
  ): Promise<Session[]> {
    return guarded(listSessionsOf(this.#reader, issuer, subject, this.#now(), limit, after));
  }

  touchSessions(issuer: string, sessionIds: readonly string[], at: number): Promise<void> {
    return guarded(touchSessions(this.#writer, issuer, sessionIds, at));
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

  async findFaults(): Promise<Record<string, string>> {
    try {
      const { pending } = await migrationStatusOf(this.#reader);
      if (!this.#dialect.isInPlace()) return { database: 'replaced', migrations: 'unknown' };
      if (pending.length > 0) return { migrations: 'pending' };
      if (this.#hasFailedToWrite && !(await this.#canWrite())) return { database: 'cannot_write' };
      return (await this.#isClockRight()) ? {} : { clock: 'wrong' };
    } catch {
      return { database: 'unreachable', migrations: 'unknown' };
    }
  }

  async close(): Promise<void> {
    await this.#questions.drained();
    await this.#decisions.drained();
    // The writer last: the last connection to close a database tidies it up.
    await this.#reader.destroy();
    await this.#writer.destroy();
  }

  /**
   * Wrong if the time (which never goes back, see time.ts) is ahead of our clock, or if the database's clock stamps
   * what is written and ours differs from it.
   */
  async #isClockRight(): Promise<boolean> {
    const { stamped_at } = await readHeads(this.#reader);
    const clock = this.#now();
    if (timeAfter(stamped_at, clock) > clock + clockDifferenceMs) return false;
    if (this.#clockSql === null) return true;
    const before = this.#now();
    const { now } = await findRow<{ now: number }>(this.#reader, `select ${this.#clockSql} as now`);
    return now > before - clockDifferenceMs && now < this.#now() + clockDifferenceMs;
  }

  async #answer(entries: readonly QueueEntry<Question>[]): Promise<undefined> {
    if (!this.#dialect.isInPlace(inPlaceAgeMs)) throw new StoreUnavailable(replaced);
    const readHeadsNow = () => guarded(this.#memory.catchUp(this.#reader, readHeads));
    let heads = await readHeadsNow();
    const now = timeAfter(heads.stamped_at, this.#now());
    let facts = new LoadedFacts(this.#memory, heads, now);
    let open = entries;
    while (open.length > 0) {
      open = open.filter((entry) => {
        try {
          entry.resolve(entry.item(facts, now));
          return false;
        } catch (error) {
          if (error instanceof NotLoaded) return true;
          entry.reject(error);
          return false;
        }
      });
      if (open.length === 0) return;
      const lacksTokens = await guarded(facts.load(this.#reader));
      if (!lacksTokens) continue;
      // An erasure deletes a registration after it has written a revocation in its place. Between reading the heads
      // and the look-up, it could hide both: begin anew if anything was erased.
      const later = await readHeadsNow();
      if (later.suspension_seq === heads.suspension_seq) continue;
      heads = later;
      facts = new LoadedFacts(this.#memory, heads, now);
    }
  }

  /** Writers notice a full disk; while nobody writes, this does. */
  #canWrite(): Promise<boolean> {
    const nothing = this.write(() => ({ outcome: true, effects: {} }));
    return nothing.catch(() => false);
  }

  /** One transaction for all; if the database refuses it, one for each, so that one does not fail the others. */
  async #commit(entries: readonly QueueEntry<Decide>[]): Promise<() => void> {
    try {
      const results = await this.#attempt(entries);
      return () => settle(entries, results);
    } catch (error) {
      if (entries.length === 1 || !this.#dialect.isRefusal(error)) throw toUnavailable(error);
      const results: CommitResult[] = [];
      for (const entry of entries) results.push(...(await this.#attempt([entry]).catch(refused)));
      return () => settle(entries, results);
    }
  }

  async #attempt(entries: readonly QueueEntry<Decide>[], attempt = 1): Promise<CommitResult[]> {
    try {
      const results = await commitBatch(
        this.#writer,
        this.#dialect.readsBesideWriter ? this.#reader : null,
        entries.map((entry) => entry.item),
        this.#memory,
        { now: this.#now, clockSql: this.#clockSql },
      );
      this.#hasFailedToWrite = false;
      return results;
    } catch (error) {
      if (attempt < attemptsMax && this.#dialect.isTransient(error))
        return this.#attempt(entries, attempt + 1);
      this.#hasFailedToWrite = true;
      throw error;
    }
  }
}

function refused(error: unknown): CommitResult[] {
  return [{ ok: false, error: toUnavailable(error) }];
}

/** Gives every caller its result. */
function settle(entries: readonly QueueEntry<Decide>[], results: readonly CommitResult[]): void {
  for (const [n, result] of results.entries()) {
    if (result.ok) entries[n]?.resolve(result.outcome);
    else entries[n]?.reject(result.error);
  }
}
