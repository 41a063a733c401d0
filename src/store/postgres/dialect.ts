// Postgres: pools of connections, and what it does in its own way.
import { hash } from 'node:crypto';
import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import type { Exclusive } from '../../domain/upkeep-store.ts';
import type { Dialect, Key, Rows, Table } from '../dialect.ts';
import { codeOf, namesOf, selectionOf, silent, withConnection } from '../drivers.ts';
import { answered, PipelinedClient, send } from './pipelined-client.ts';

const applicationName = 'revocation-server';
const poolMax = 10;
const acquireTimeoutMs = 5_000;
const statementTimeoutMs = 10_000;
/** After this the server at the other end counts as silent, and the connection is given up. */
const silenceTimeoutMs = statementTimeoutMs + 2_000;
const idleInTransactionTimeoutMs = 10_000;
const migrationLockKey = 7009_7662;
const taskLockKeys = { seal: 1, purge: 2 } as const satisfies Record<Exclusive, number>;
const int8 = 20;

export function dialect(url: string): Dialect {
  const connection = {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: acquireTimeoutMs,
    // Statements are sent without waiting for the answers to earlier ones.
    pipeline: true,
    keepAlive: true,
    types: {
      // Sequence numbers and times stay far below 2^53.
      getTypeParser: (oid: number, format?: string) =>
        oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format as 'text'),
    },
  };
  const open = (timeouts = { statement: statementTimeoutMs, silence: silenceTimeoutMs }): Knex =>
    knexFactory({
      client: PipelinedClient,
      log: silent,
      connection: { ...connection, query_timeout: timeouts.silence },
      acquireConnectionTimeout: acquireTimeoutMs,
      pool: {
        min: 0,
        max: poolMax,
        afterCreate: (client: pg.Client, done: (error: Error | null) => void) => {
          const giveUp = (error: Error) => {
            // The pool does not know it yet, and would leave it open.
            client.end().catch(() => {});
            done(error);
          };
          prepare(client, timeouts.statement).then(() => done(null), giveUp);
        },
      },
    });
  return {
    isThere: () => true,
    isInPlace: () => true,
    openReader: () => open(),
    openWriter: () => open(),
    openMigrator: () => open({ statement: 0, silence: 0 }),
    readsBesideWriter: false,
    clockSql: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
    isTransient: (error) => ['40001', '40P01', '55P03'].includes(codeOf(error)),
    isRefusal: (error) => /^(22|23)/.test(codeOf(error)),
    withMigrationLock: async (work) => {
      const client = await connect(url);
      try {
        await client.query('select pg_advisory_lock($1)', [migrationLockKey]);
        return await work();
      } finally {
        await client.end();
      }
    },
    withTaskLock: async (task, work) => {
      const client = await connect(url);
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

class ConnectedToStandby extends Error {
  override readonly name = 'ConnectedToStandby';
  readonly code = 'IS_STANDBY';
}

/**
 * Rejects at a standby, which may not know the latest revocations. To look once is enough: no server becomes a standby
 * without a restart, which ends its connections.
 */
async function prepare(client: pg.Client, statementTimeout: number): Promise<void> {
  // The lock on the heads puts decisions in order: a stricter level would only make them repeat.
  const statements = `set synchronous_commit = on;
    set default_transaction_isolation = 'read committed'; set statement_timeout = ${statementTimeout};
    set idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs};
    select pg_is_in_recovery() as is_standby`;
  const answers: unknown = await client.query(statements);
  const last = (answers as pg.QueryResult<{ is_standby: boolean }>[]).at(-1);
  if (last?.rows[0]?.is_standby !== false) throw new ConnectedToStandby('the server is a standby');
}

/**
 * For a lock: a connection of its own, which holds no snapshot and no row, and lives as long as the lock. If it alone
 * breaks, the work goes on without its lock; work under a lock must tolerate that.
 */
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

export function findRow<Row>(db: Knex, sql: string, values: readonly unknown[]): Promise<Row> {
  const query = { values: [...values], ...numbered(sql) };
  return withConnection(
    db,
    async (client: pg.Client) => (await answered(client, client.query(query))).rows[0],
  );
}

/** One round trip for all keys, by a statement whose text never changes. */
export function findRowsByKey<Row>(
  db: Knex,
  table: Table<Row>,
  column: string,
  keys: readonly Key[],
  condition: string,
): Promise<Row[]> {
  const selection = selectionOf(table, hexOf);
  const statement = named(
    `select ${selection} from "${table.name}" where "${column}" = any($1) and ${condition}`,
  );
  return withConnection(
    db,
    async (client: pg.Client) =>
      (await answered(client, client.query({ values: [keys], ...statement }))).rows,
  );
}

const rowsPerStatement = 500;

/** The rows travel as one parameter: the statement is always the same, and no text is built for each row. */
export async function insertMany(db: Knex, table: string, rows: Rows, onConflict: string): Promise<void> {
  const columns = namesOf(Object.keys(rows[0] ?? {}));
  const statement = named(
    `insert into "${table}" (${columns})
      select ${columns} from json_populate_recordset(null::"${table}", $1) ${onConflict}`,
  );
  await withConnection(db, async (client: pg.Client) => {
    for (let from = 0; from < rows.length; from += rowsPerStatement) {
      const values = [JSON.stringify(rows.slice(from, from + rowsPerStatement).map(toJsonRow))];
      if (db.isTransaction) send(client, { values, ...statement });
      else await client.query({ values, ...statement });
    }
  });
}

export async function updateFixed(db: Knex, sql: string, values: readonly unknown[]): Promise<void> {
  const query = { values: [...values], ...numbered(sql) };
  await withConnection(db, (client: pg.Client) => send(client, query));
}

export function hexOf(bytes: string): string {
  return `encode(${bytes}, 'hex')`;
}

/**
 * Changes with another server after a failover, with the same one started over other files, and with another table
 * after a restore.
 */
export const incarnation = "concat_ws(' ', pg_postmaster_start_time(), tableoid)";

/** The catalogue that Knex would query leaves out what this user may not use. */
export async function hasTable(db: Knex, name: string): Promise<boolean> {
  const { table } = await findRow<{ table: string | null }>(db, 'select to_regclass(?)::text as table', [
    name,
  ]);
  return table !== null;
}

/** Bytes as Postgres writes them. */
function toJsonRow(row: Readonly<Record<string, unknown>>): object {
  const written = { ...row };
  for (const column in written) {
    const value = written[column];
    if (Buffer.isBuffer(value)) written[column] = `\\x${value.toString('hex')}`;
  }
  return written;
}

/** Numbers the `?` of a statement. */
function numbered(sql: string): { name: string; text: string } {
  let n = 0;
  return named(sql.replace(/\?/g, () => `$${++n}`));
}

const names = new Map<string, string>();

/**
 * A statement that each connection prepares once. Its name is the same in every process, as poolers share
 * connections.
 */
function named(text: string): { name: string; text: string } {
  const name = names.get(text) ?? `hot_${hash('sha256', text, 'hex').slice(0, 16)}`;
  names.set(text, name);
  return { name, text };
}
