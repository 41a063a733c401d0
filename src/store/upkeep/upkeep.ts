// The upkeep port of domain/upkeep-store.ts over Knex. Writes and counts go through the writer, as SQLite's reader
// works in the thread that asks; rows are read through the reader, a page at a time.
import type { Knex } from 'knex';
import type { Digest } from '../../domain/claims.ts';
import type { CheckedEvent } from '../../domain/trail/verify-trail.ts';
import type {
  DueRows,
  EndedSessions,
  ErasedSessions,
  Exclusive,
  PurgeStep,
  StoredSeal,
  StoredToken,
  UpkeepNote,
  UpkeepStore,
} from '../../domain/upkeep-store.ts';
import type { Dialect } from '../dialect.ts';
import type { OpenDatabase } from '../open-database.ts';
import { listLeaves, listStoredEvents } from '../tables/audit-events.ts';
import { noteSigners } from '../tables/issuers.ts';
import { readNote, writeNote } from '../tables/notes.ts';
import * as seals from '../tables/seals.ts';
import { listTokensOf } from '../tables/tokens.ts';
import { guarded } from '../unavailable.ts';
import { eraseEvents, eraseRevocations, eraseSessions, eraseTokens } from './erase.ts';
import * as purge from './purge.ts';

export class KnexUpkeep implements UpkeepStore {
  readonly #dialect: Dialect;
  readonly #reader: Knex;
  readonly #writer: Knex;

  constructor({ dialect, reader, writer }: OpenDatabase) {
    this.#dialect = dialect;
    this.#reader = reader;
    this.#writer = writer;
  }

  async exclusively<T>(task: Exclusive, work: () => Promise<T>): Promise<T | undefined> {
    // The errors of `work` are its own.
    const done = await guarded(this.#dialect.withTaskLock(task, () => Promise.allSettled([work()])));
    if (done?.[0].status === 'rejected') throw done[0].reason;
    return done?.[0].value;
  }

  readNote(name: UpkeepNote): Promise<number> {
    return guarded(readNote(this.#reader, name));
  }

  writeNote(name: UpkeepNote, value: number): Promise<void> {
    return guarded(writeNote(this.#writer, name, value));
  }

  noteLifetime(daysMax: number): Promise<void> {
    return guarded(purge.noteLifetime(this.#writer, daysMax));
  }

  noteSigners(issuers: readonly string[]): Promise<void> {
    return guarded(noteSigners(this.#writer, issuers));
  }

  listLeaves(first: number, last: number): Promise<Buffer[]> {
    return guarded(listLeaves(this.#reader, first, last));
  }

  listStoredEvents(after: number, limit: number): Promise<CheckedEvent[]> {
    return guarded(listStoredEvents(this.#reader, after, limit));
  }

  appendSeals(made: readonly StoredSeal[]): Promise<void> {
    return guarded(seals.appendSeals(this.#writer, made));
  }

  findLastSeal(): Promise<StoredSeal | undefined> {
    return guarded(seals.findLastSeal(this.#reader));
  }

  findSealOf(seq: number): Promise<StoredSeal | undefined> {
    return guarded(seals.findSealOf(this.#reader, seq));
  }

  listSeals(after: number, limit: number): Promise<StoredSeal[]> {
    return guarded(seals.listSeals(this.#reader, after, limit));
  }

  noteEnds(until: number): Promise<void> {
    return guarded(purge.noteEnds(this.#writer, until));
  }

  countDue(due: DueRows): Promise<number> {
    return guarded(purge.countDue(this.#writer, due));
  }

  purgeDue(due: DueRows, limit: number): Promise<PurgeStep> {
    return guarded(purge.purgeDue(this.#writer, due, limit));
  }

  countEndedSessions(ended: EndedSessions): Promise<number> {
    return guarded(purge.countEndedSessions(this.#writer, ended));
  }

  purgeEndedSessions(ended: EndedSessions, limit: number): Promise<PurgeStep> {
    return guarded(purge.purgeEndedSessions(this.#writer, ended, limit));
  }

  findSealedBefore(before: number): Promise<number> {
    return guarded(seals.findSealedBefore(this.#reader, before));
  }

  countEventsThrough(seq: number): Promise<number> {
    return guarded(purge.countEventsThrough(this.#writer, seq));
  }

  purgeEventsThrough(seq: number, limit: number): Promise<PurgeStep> {
    return guarded(purge.purgeEventsThrough(this.#writer, seq, limit));
  }

  eraseEvents(userId: string, limit: number): Promise<number> {
    return guarded(eraseEvents(this.#writer, userId, limit));
  }

  eraseSessions(userId: string, now: number): Promise<ErasedSessions> {
    return guarded(eraseSessions(this.#writer, userId, now));
  }

  listTokensOf(userId: string, after: number, limit: number): Promise<StoredToken[]> {
    return guarded(listTokensOf(this.#reader, userId, after, limit));
  }

  eraseTokens(digests: readonly Digest[]): Promise<number> {
    return guarded(eraseTokens(this.#writer, digests));
  }

  eraseRevocations(userId: string, pseudonym: string): Promise<number> {
    return guarded(eraseRevocations(this.#writer, userId, pseudonym));
  }
}
