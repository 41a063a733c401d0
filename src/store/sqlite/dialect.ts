// SQLite: a reader in the server's own thread, whose look-ups take microseconds and wait for no writer, and a
// writer in another thread. How work is locked is in locks.ts.
import type Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import type { Dialect, Key, Rows, Table } from '../dialect.ts';
import { codeOf, namesOf, rowHasChanged, selectionOf, silent, withConnection } from '../drivers.ts';
import { DatabaseFile, isThere, makeFile } from './database-file.ts';
import { takeServerLock, withMigrationLock, withTaskLock } from './locks.ts';
import { Statements } from './statements.ts';
import { ThreadClient, TransactionClient } from './thread-client.ts';
import type { WriterThread } from './writer-thread.ts';

const busyTimeoutMs = 5_000;
const pragmas = [`busy_timeout = ${busyTimeoutMs}`, 'journal_mode = WAL'];
/** Small for the reader, whose pages the OS caches too; larger for the writer, whose index pages are scattered. */
const pageCaches = { readerKiB: 2_048, writerKiB: 20_480 };

export function dialect(path: string, pageCacheKiB?: number): Dialect {
  const { readerKiB, writerKiB } = pageCaches;
  const cacheOf = (usualKiB: number) => `cache_size = -${Math.min(usualKiB, pageCacheKiB ?? usualKiB)}`;
  const readerPragmas = [...pragmas, cacheOf(readerKiB), 'query_only = ON'];
  const writerPragmas = [...pragmas, cacheOf(writerKiB), 'synchronous = FULL', 'foreign_keys = ON'];
  let opened: DatabaseFile | undefined;
  const common = { log: silent, connection: { filename: path }, useNullAsDefault: true };
  const openWriter = () => {
    makeFile(path);
    const config = { ...common, client: ThreadClient, pragmas: writerPragmas, pool: { min: 1, max: 1 } };
    return knexFactory(config);
  };
  return {
    isThere: () => isThere(path),
    isInPlace: (ageMs) => opened?.isInPlace(ageMs) ?? true,
    openReader: () => {
      makeFile(path);
      const afterCreate = (connection: Database.Database, done: (error: Error | null) => void) => {
        opened = new DatabaseFile(path);
        prepareReader(connection, readerPragmas, done);
      };
      const pool = { min: 1, max: 1, afterCreate };
      return knexFactory({ ...common, client: 'better-sqlite3', pool });
    },
    openWriter,
    openMigrator: openWriter,
    readsBesideWriter: true,
    clockSql: null,
    isTransient: (error) => codeOf(error) === rowHasChanged || /^SQLITE_(BUSY_|LOCKED)/.test(codeOf(error)),
    isRefusal: (error) => /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(codeOf(error)),
    takeServerLock: () => takeServerLock(path),
    withMigrationLock: (work) => withMigrationLock(path, work),
    withTaskLock: (task, work) => withTaskLock(path, task, work),
  };
}

function prepareReader(
  connection: Database.Database,
  readerPragmas: readonly string[],
  done: (error: Error | null) => void,
): void {
  try {
    for (const pragma of readerPragmas) connection.pragma(pragma);
    done(null);
  } catch (error) {
    done(error as Error);
  }
}

const readers = new WeakMap<Knex, Database.Database>();

/** The pool has one connection, and takes longer to hand it out than most look-ups take. */
async function withReader<T>(db: Knex, work: (reader: Database.Database) => T): Promise<T> {
  const known = readers.get(db);
  if (known?.open) return work(known);
  return withConnection(db, (reader: Database.Database) => {
    readers.set(db, reader);
    return work(reader);
  });
}

const statements = new WeakMap<Database.Database, Statements>();

/** In the server's own thread, running a statement that was prepared once takes a tenth of Knex's time. */
function statementOf(reader: Database.Database, sql: string): Database.Statement<unknown[]> {
  const known = statements.get(reader) ?? new Statements(reader);
  statements.set(reader, known);
  return known.of(sql);
}

export async function findRow<Row>(db: Knex, sql: string, values: readonly unknown[]): Promise<Row> {
  if (db.client instanceof ThreadClient) {
    const outcome = await withConnection(db, (writer: WriterThread) => writer.run(sql, values));
    return (outcome.kind === 'rows' ? outcome.rows[0] : undefined) as Row;
  }
  return withReader(db, (reader) => statementOf(reader, sql).get(...values) as Row);
}

/**
 * One look-up per key in the server's own thread, where there is no round trip to save. The writer hardly ever reads.
 */
export async function findRowsByKey<Row>(
  db: Knex,
  table: Table<Row>,
  column: string,
  keys: readonly Key[],
  condition: string,
): Promise<Row[]> {
  const { name, columns } = table;
  const selection = selectionOf(table, (bytes) => `lower(${hexOf(bytes)})`);
  if (db.client instanceof ThreadClient)
    return (await db(name)
      .select(db.raw(selection))
      .whereIn(column, [...keys])
      .whereRaw(condition)) as Row[];
  const sql = `select ${selection} from "${name}" where "${column}" = ? and ${condition}`;
  return withReader(db, (reader) => {
    const find = statementOf(reader, sql).raw();
    const findAll = () => keys.flatMap((key) => find.all(key) as unknown[][]);
    const rows = keys.length === 1 ? findAll() : inOneTransaction(reader, findAll);
    return rows.map((values) => toRow<Row>(columns, values));
  });
}

/** So that the file is locked once for all reads. */
function inOneTransaction<T>(reader: Database.Database, read: () => T): T {
  statementOf(reader, 'begin').run();
  try {
    return read();
  } finally {
    if (reader.inTransaction) statementOf(reader, 'commit').run();
  }
}

/** Takes half the time of the driver's own objects, for which it names the columns anew for each row. */
function toRow<Row>(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  for (let n = 0; n < columns.length; n++) row[columns[n] as string] = values[n];
  return row as Row;
}

/** One message for all rows; the thread runs one prepared statement for each of them. */
export function insertMany(db: Knex, table: string, rows: Rows, onConflict: string): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const marks = columns.map(() => '?').join(', ');
  const values = new Array<unknown>(rows.length * columns.length);
  let at = 0;
  for (const row of rows) for (const column of columns) values[at++] = row[column];
  return withConnection(db, (writer: WriterThread) =>
    writer.runEach(
      `insert into "${table}" (${namesOf(columns)}) values (${marks}) ${onConflict}`,
      values,
      columns.length,
    ),
  );
}

export function updateFixed(db: Knex, sql: string, values: readonly unknown[]): Promise<void> {
  return withConnection(db, (writer: WriterThread) => writer.update(sql, values));
}

/** What transactions work with, by writer. */
const transactions = new WeakMap<Knex, Knex>();

/**
 * With one instance of Knex for all transactions of a writer, which has a single connection. Knex itself makes a new
 * one for each; measured, all of a batch then stayed in memory until the garbage collector next went through the whole
 * heap.
 */
export function inTransaction<T>(writer: Knex, work: (tx: Knex) => Promise<T>): Promise<T> {
  const tx =
    transactions.get(writer) ??
    knexFactory({ client: TransactionClient, log: silent, useNullAsDefault: true });
  transactions.set(writer, tx);
  const client = tx.client as TransactionClient;
  return withConnection(writer, (thread: WriterThread) => client.runTransaction(thread, () => work(tx)));
}

export function hexOf(bytes: string): string {
  return `hex(${bytes})`;
}

export function bytesOf(hex: string): string {
  return `unhex(${hex})`;
}

/** `isInPlace` notices a replaced file, so this need not change. */
export const incarnation = "''";
