// Every difference between SQLite and Postgres: this file lists them, sqlite/ and postgres/ say how each is handled.
// No other file of the server names a database. A `Dialect` opens one; each handle that it opens has a Knex client that
// knows how its database is read (`readsOf`) or written (`writesOf`) fastest.
import { resolve } from 'node:path';
import type { Knex } from 'knex';
import { isPostgresUrl, sqlitePathOf } from '../config/database-url.ts';
import type { Exclusive } from '../domain/upkeep-store.ts';
import { postgresDialect } from './postgres/dialect.ts';
import { sqliteDialect } from './sqlite/dialect.ts';

export interface Dialect {
  /** False when there is no database to open, and opening it would make one. */
  isThere(): boolean;
  /** False when the database that the reader opened was deleted or replaced since. The check may be `ageMs` old. */
  isInPlace(ageMs?: number): boolean;
  /** Opens a pool for verdicts and lists, and for decisions where that is safe; never blocked by a writer. */
  openReader(): Knex;
  /** Opens a pool whose commits are durable when they return, and whose waits do not hold up the event loop. */
  openWriter(): Knex;
  /** The same for migrations, whose statements take longer on larger tables; makes the database where that is a file. */
  openMigrator(): Knex;
  /**
   * One transaction, committed when `work` resolves and rolled back when it rejects; every statement of it is sent by
   * then. For transactions that are very frequent.
   */
  inTransaction<T>(writer: Knex, work: (tx: Knex) => Promise<T>): Promise<T>;
  /**
   * May decisions read over the reader, beside the writer? Then they need no lock on the heads either: the writer
   * notices if those have moved.
   */
  readonly readsBesideWriter: boolean;
  /** Do statements run in threads of this process? It cannot end amid one: better-sqlite3 would abort it. */
  readonly runsInProcess: boolean;
  /** SQL for the database's clock in milliseconds, if that stamps what is written; null: our clock does. */
  readonly clockSql: string | null;
  /** Another attempt at the same transaction may succeed. */
  isTransient(error: unknown): boolean;
  /** The transaction was refused for what it contains: its parts may succeed alone. */
  isRefusal(error: unknown): boolean;
  /** False where one server may work on a database, and another one does. The lock dies with its process. */
  takeServerLock(): boolean;
  /** Runs `work` while no other process of this database does; the lock dies with its process. */
  withMigrationLock<T>(work: () => Promise<T>): Promise<T>;
  /** The same for a task of upkeep, but without waiting: undefined when another process is doing it. */
  withTaskLock<T>(task: Exclusive, work: () => Promise<T>): Promise<T | undefined>;
}

export type Key = Buffer | string;

/** A table, and which columns of it are read. */
export interface Table<Row> {
  readonly name: string;
  readonly columns: readonly (keyof Row & string)[];
  /** Columns that are read in lower-case hexadecimal, as text is cheaper to transfer; each with SQL for its bytes. */
  readonly inHex?: Readonly<Partial<Record<keyof Row & string, string>>>;
}

/** What every handle can do. */
export interface Sql {
  /** Runs a fixed statement of one row that runs very often; `?` stands for each of the values. */
  findRow<Row>(sql: string, values?: readonly unknown[]): Promise<Row>;
  /** SQL that identifies the database, for a select from `heads`: it changes when another takes its place. */
  readonly incarnation: string;
}

export interface Reads extends Sql {
  /**
   * The rows of `table` whose indexed `column` is one of `keys`, and that meet `condition`: fixed SQL, which may go on with
   * an order of the rows of each key. For queries that run very often.
   */
  findRowsByKey<Row>(
    table: Table<Row>,
    column: keyof Row & string,
    keys: readonly Key[],
    condition?: string,
  ): Promise<Row[]>;
  /**
   * The same, and the row that `sql` finds, a fixed select of one row of numbers and texts: all as of one instant, in one
   * round trip.
   */
  findRowAndRowsByKey<One, Row>(
    sql: string,
    table: Table<Row>,
    column: keyof Row & string,
    keys: readonly Key[],
  ): Promise<{ one: One; rows: Row[] }>;
  /** SQL for `bytes`, which is SQL too, in hexadecimal. */
  hexOf(bytes: string): string;
  /** True also if this user may not read it. */
  hasTable(name: string): Promise<boolean>;
}

export interface Writes extends Sql {
  /**
   * Inserts any number of rows, all with the same columns, in the way that is fastest for this database. Within a
   * transaction it resolves when they are sent; if one fails, all later statements fail, and COMMIT at the latest says
   * why. `onConflict` is fixed SQL for rows that may exist already.
   */
  insertMany(table: string, rows: readonly object[], onConflict?: string): Promise<void>;
  /**
   * Sends a fixed update within a transaction, as `insertMany` does; `?` stands for each of the values. Where decisions
   * read beside the writer, the transaction fails with `rowHasChanged` if no row is as its condition says.
   */
  updateFixed(sql: string, values: readonly unknown[]): Promise<void>;
  /** SQL for the bytes that `hex`, which is SQL for text, writes; null where that is null. */
  bytesOf(hex: string): string;
}

/** For a reader; and for a transaction, where decisions read in it. */
export function readsOf(db: Knex): Reads {
  return db.client;
}

/** For a writer, or one of its transactions. */
export function writesOf(db: Knex): Writes {
  return db.client;
}

class UnusableDatabaseUrl extends Error {
  override readonly name = 'UnusableDatabaseUrl';
}

/** `sqlite:PATH` (relative to the working directory) or `postgres://…`. `pageCacheKiB` is for SQLite. */
export function dialectOf(databaseUrl: string, pageCacheKiB?: number): Dialect {
  const path = sqlitePathOf(databaseUrl);
  if (path !== undefined) return sqliteDialect(resolve(path), pageCacheKiB);
  if (isPostgresUrl(databaseUrl)) return postgresDialect(databaseUrl);
  throw new UnusableDatabaseUrl('DATABASE_URL is neither sqlite:PATH nor postgres://…');
}
