// Every difference between SQLite and Postgres, one value per database. No other file of the server names
// a database.
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import type { Exclusive } from '../domain/upkeep-store.ts';

export interface Dialect {
  readonly kind: 'sqlite' | 'postgres';
  /** Opens a pool for verdicts and lists; never blocked by a writer. */
  openReader(): Knex;
  /** Opens a pool whose commits are durable when they return. */
  openWriter(): Knex;
  /** SQL for the database's clock in milliseconds, where it and not ours stamps what is written. */
  readonly clockSql: string | null;
  /** Another attempt at the same transaction may succeed. */
  isTransient(error: unknown): boolean;
  /** The transaction was refused for what it contains: its parts may succeed alone. */
  isRefusal(error: unknown): boolean;
  /** Runs `work` while no other process of this database does; the lock dies with its process. */
  withMigrationLock<T>(work: () => Promise<T>): Promise<T>;
  /** The same for a task of upkeep, but without waiting: undefined when another process is at it. */
  withTaskLock<T>(task: Exclusive, work: () => Promise<T>): Promise<T | undefined>;
}

class UnusableDatabaseUrl extends Error {
  override readonly name = 'UnusableDatabaseUrl';
}

/** `sqlite:PATH` (relative to the working directory) or `postgres://…`. */
export function dialectOf(databaseUrl: string): Dialect {
  if (databaseUrl.startsWith('sqlite:')) {
    const path = databaseUrl.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
    if (path !== '' && path !== ':memory:') return sqlite(resolve(path));
  }
  if (/^postgres(ql)?:\/\//.test(databaseUrl)) return postgres(databaseUrl);
  throw new UnusableDatabaseUrl('DATABASE_URL is neither sqlite:PATH nor postgres://…');
}

/** Knex would write to the console, with statements; what fails is thrown and logged in one place. */
const silent = { warn() {}, error() {}, deprecate() {}, debug() {} };

const busyTimeoutMs = 5_000;

function sqlite(path: string): Dialect {
  const open = (pragmas: readonly string[]): Knex => {
    mkdirSync(dirname(path), { recursive: true });
    return knexFactory({
      client: 'better-sqlite3',
      log: silent,
      connection: { filename: path },
      useNullAsDefault: true,
      pool: {
        min: 1,
        max: 1,
        afterCreate: (connection: Database.Database, done: (error: Error | null) => void) => {
          try {
            for (const pragma of pragmas) connection.pragma(pragma);
            done(null);
          } catch (error) {
            done(error as Error);
          }
        },
      },
    });
  };
  const common = [`busy_timeout = ${busyTimeoutMs}`, 'journal_mode = WAL', 'cache_size = -65536'];
  return {
    kind: 'sqlite',
    openReader: () => open([...common, 'query_only = ON']),
    openWriter: () => open([...common, 'synchronous = FULL', 'foreign_keys = ON']),
    clockSql: null,
    isTransient: (error) => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error)),
    isRefusal: (error) => /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(codeOf(error)),
    withMigrationLock: async (work) => {
      // A lock file of its own: it must not stand in the way of the migrations that it guards, and the
      // operating system lets go of it when its process dies.
      mkdirSync(dirname(path), { recursive: true });
      const lock = new Database(`${path}-migrate`, { timeout: 60_000 });
      try {
        lock.exec('begin exclusive');
        return await work();
      } finally {
        lock.close();
      }
    },
    withTaskLock: async (task, work) => {
      const lock = new Database(`${path}-${task}`, { timeout: 0 });
      try {
        lock.exec('begin exclusive');
      } catch (error) {
        lock.close();
        if (codeOf(error) === 'SQLITE_BUSY') return undefined;
        throw error;
      }
      try {
        return await work();
      } finally {
        lock.close();
      }
    },
  };
}

const poolMax = 10;
const acquireTimeoutMs = 5_000;
const statementTimeoutMs = 10_000;
const idleInTransactionTimeoutMs = 10_000;
const migrationLockKey = 7009_7662;
const taskLockKeys = { seal: 1, purge: 2 } as const satisfies Record<Exclusive, number>;
const int8 = 20;

function postgres(url: string): Dialect {
  const connection = {
    connectionString: url,
    application_name: 'revocation-server',
    connectionTimeoutMillis: acquireTimeoutMs,
    // What is sent together travels together, without waiting for one answer before the next question.
    pipeline: true,
    keepAlive: true,
    types: {
      // Sequence numbers and times stay far below 2^53.
      getTypeParser: (oid: number, format?: string) =>
        oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format as 'text'),
    },
  };
  const open = (): Knex =>
    knexFactory({
      client: 'pg',
      log: silent,
      connection,
      acquireConnectionTimeout: acquireTimeoutMs,
      pool: {
        min: 0,
        max: poolMax,
        afterCreate: (client: pg.Client, done: (error: Error | null) => void) => {
          const settings = `set synchronous_commit = on; set statement_timeout = ${statementTimeoutMs};
            set idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs}`;
          client.query(settings).then(() => done(null), done);
        },
      },
    });
  return {
    kind: 'postgres',
    openReader: open,
    openWriter: open,
    clockSql: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
    isTransient: (error) => ['40001', '40P01', '55P03'].includes(codeOf(error)),
    isRefusal: (error) => /^(22|23)/.test(codeOf(error)),
    withMigrationLock: async (work) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query('select pg_advisory_lock($1)', [migrationLockKey]);
        return await work();
      } finally {
        await client.end();
      }
    },
    withTaskLock: async (task, work) => {
      // A connection of its own: the lock lives as long as it, and it holds no snapshot and no row.
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      client.on('error', () => {});
      try {
        const keys = [migrationLockKey, taskLockKeys[task]];
        const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as mine', keys);
        return rows[0].mine ? await work() : undefined;
      } finally {
        await client.end();
      }
    },
  };
}

/** The one row of a fixed statement that is asked for very often. */
export async function findRow<Row>(db: Knex, sql: string): Promise<Row> {
  return isPostgres(db)
    ? withConnection(db, async (client: pg.Client) => (await client.query(named(sql))).rows[0])
    : withConnection(db, (connection: Database.Database) => statementOf(connection, sql).get() as Row);
}

/**
 * The rows of `table` whose `column`, which is unique, is one of `keys`; for what is asked for very often. On
 * Postgres one round trip whose text never changes, in-process one look-up each: there is none to save.
 */
export async function findRowsByKey<Row>(
  db: Knex,
  table: string,
  column: string,
  keys: readonly Buffer[],
): Promise<Row[]> {
  const sql = `select * from "${table}" where "${column}" =`;
  if (isPostgres(db)) {
    return withConnection(
      db,
      async (client: pg.Client) => (await client.query({ ...named(`${sql} any($1)`), values: [keys] })).rows,
    );
  }
  return withConnection(db, (connection: Database.Database) => {
    const find = statementOf(connection, `${sql} ?`);
    return keys.map((key) => find.get(key) as Row | undefined).filter((row) => row !== undefined);
  });
}

function isPostgres(db: Knex): boolean {
  return db.client.config.client === 'pg';
}

const names = new Map<string, string>();

/** A statement that each connection of Postgres prepares once. */
function named(text: string): { name: string; text: string } {
  const name = names.get(text) ?? `hot_${names.size + 1}`;
  names.set(text, name);
  return { name, text };
}

type Inserter = (
  db: Knex,
  table: string,
  rows: readonly Readonly<Record<string, unknown>>[],
) => Promise<void>;

/** How the database behind `db` takes many rows fastest. */
export function inserterOf(db: Knex): Inserter {
  return isPostgres(db) ? insertAsJson : insertPrepared;
}

const rowsPerStatement = 500;

/** The rows travel as one parameter: the statement is always the same, and no text is built for each row. */
async function insertAsJson(...[db, table, rows]: Parameters<Inserter>): Promise<void> {
  const columns = namesOf(Object.keys(rows[0] ?? {}));
  const sql = `insert into "${table}" (${columns}) select ${columns} from json_populate_recordset(null::"${table}", $1)`;
  await withConnection(db, async (client: pg.Client) => {
    for (let from = 0; from < rows.length; from += rowsPerStatement) {
      const values = [JSON.stringify(rows.slice(from, from + rowsPerStatement).map(toJsonRow))];
      await client.query({ ...named(sql), values });
    }
  });
}

/** Bytes as Postgres writes them. */
function toJsonRow(row: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(row).map(([column, value]) =>
    Buffer.isBuffer(value) ? [column, `\\x${value.toString('hex')}`] : [column, value],
  );
  return Object.fromEntries(entries);
}

function namesOf(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(', ');
}

/**
 * In-process, a statement that is prepared once and run for each row is several times faster than a long one
 * that is built anew: there is no round trip to save.
 */
async function insertPrepared(...[db, table, rows]: Parameters<Inserter>): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const marks = columns.map(() => '?').join(', ');
  await withConnection(db, (connection: Database.Database) => {
    const insert = statementOf(connection, `insert into "${table}" (${namesOf(columns)}) values (${marks})`);
    for (const row of rows) insert.run(columns.map((column) => row[column]));
  });
}

/** The connection behind `db`; within a transaction the transaction's. */
async function withConnection<Connection, T>(
  db: Knex,
  work: (connection: Connection) => T | Promise<T>,
): Promise<T> {
  const client = db.client as {
    acquireConnection(): Promise<Connection>;
    releaseConnection(connection: Connection): Promise<void>;
  };
  const connection = await client.acquireConnection();
  try {
    return await work(connection);
  } finally {
    await client.releaseConnection(connection);
  }
}

const statements = new WeakMap<Database.Database, Map<string, Database.Statement>>();

function statementOf(connection: Database.Database, sql: string): Database.Statement {
  const known = statements.get(connection) ?? new Map<string, Database.Statement>();
  statements.set(connection, known);
  const statement = known.get(sql) ?? connection.prepare(sql);
  known.set(sql, statement);
  return statement;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
