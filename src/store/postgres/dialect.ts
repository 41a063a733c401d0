// What Postgres does in its own way. How connections are opened is in pool.ts, how work is locked in locks.ts.
import { hash } from 'node:crypto';
import type { Knex } from 'knex';
import type pg from 'pg';
import type { Dialect, Key, Rows, Table } from '../dialect.ts';
import { codeOf, namesOf, selectionOf, withConnection } from '../drivers.ts';
import { withMigrationLock, withTaskLock } from './locks.ts';
import { answered, send } from './pipelined-client.ts';
import { openPool, unlimited } from './pool.ts';

export function dialect(url: string): Dialect {
  return {
    isThere: () => true,
    isInPlace: () => true,
    openReader: () => openPool(url),
    openWriter: () => openPool(url),
    openMigrator: () => openPool(url, unlimited),
    readsBesideWriter: false,
    clockSql: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
    isTransient: (error) => ['40001', '40P01', '55P03'].includes(codeOf(error)),
    isRefusal: (error) => /^(22|23)/.test(codeOf(error)),
    takeServerLock: () => true,
    withMigrationLock: (work) => withMigrationLock(url, work),
    withTaskLock: (task, work) => withTaskLock(url, task, work),
  };
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

export function bytesOf(hex: string): string {
  return `decode(${hex}, 'hex')`;
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
