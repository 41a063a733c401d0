// Makes many copies of one row inside the database, and puts its indexes back at the end. Nothing here has to be
// durable, as a bench's data is thrown away.
import { hash } from 'node:crypto';
import type Database from 'better-sqlite3';
import knexFactory, { type Knex } from 'knex';
import { progress } from './progress.ts';

/** Expressions in which the two databases differ. */
export interface SqlDialect {
  /** The SHA-256 digest, as bytes, of a text. */
  sha256(text: string): string;
  /** Lower-case hex digits of bytes. */
  hex(bytes: string): string;
  /** The key of a target of kind `token`, by its digest in hex digits. */
  tokenKey(digest: string): string;
}

interface Maker {
  readonly sql: SqlDialect;
  readonly numbers: string;
  /** Where rows are made fastest; the caller destroys it if it is not `db`. */
  open(db: Knex): Promise<Knex>;
  indexesOf(db: Knex, table: string): Promise<{ name: string; definition: string }[]>;
}

const step = 100_000;

/** Copies the only row of a table `count` - 1 times; `columnsOf` are those that depend on its number `n`. */
export async function multiplyRow(
  writer: Knex,
  table: string,
  count: number,
  columnsOf: (sql: SqlDialect) => Readonly<Record<string, string>>,
): Promise<void> {
  const maker = writer.client.driverName === 'pg' ? postgres : sqlite;
  const own = columnsOf(maker.sql);
  const db = await maker.open(writer);
  const [row] = await db(table).limit(1);
  const columns = Object.keys(row).filter((column) => column !== 'id');
  const values = columns.map((column) => own[column] ?? `bench_row."${column}"`);
  const indexes = await maker.indexesOf(db, table);
  for (const { name } of indexes) await db.raw(`drop index "${name}"`);
  for (let from = 1; from < count; from += step) {
    const upTo = Math.min(from + step, count) - 1;
    await db.transaction(async (tx) => {
      await tx.raw(`create temporary table bench_row as select * from ${table} limit 1`);
      await tx.raw(
        `insert into ${table} (${columns.map((column) => `"${column}"`).join(', ')})
         select ${values.join(', ')} from bench_row cross join (${maker.numbers}) as numbers order by n`,
        [from, upTo],
      );
      await tx.raw('drop table bench_row');
    });
    progress(`filling ${table}`, upTo + 1, count);
  }
  for (const { definition } of indexes) await db.raw(definition);
  if (db !== writer) await db.destroy();
}

const sqlite: Maker = {
  sql: {
    sha256: (text) => `sha256(${text})`,
    hex: (bytes) => `lower(hex(${bytes}))`,
    tokenKey: (digest) => `substr(sha256(cast(x'746f6b656e0000' as text) || ${digest}), 1, 16)`,
  },
  numbers:
    'with recursive counted(n) as (select cast(? as integer) union all select n + 1 from counted where n < cast(? as integer)) select n from counted',
  async open(writer) {
    // The writer works in a thread, where our functions cannot be called.
    const { connection: file } = writer.client.config;
    const db = knexFactory({ client: 'better-sqlite3', connection: file, useNullAsDefault: true });
    for (const pragma of ['synchronous = off', 'temp_store = memory', 'cache_size = -262144'])
      await db.raw(`pragma ${pragma}`);
    const connection: Database.Database = await db.client.acquireConnection();
    // The next column of a row needs the same two digests again.
    const recent = new Map<unknown, Buffer>();
    connection.function('sha256', { deterministic: true }, (text) => {
      const known = recent.get(text);
      if (known) return known;
      if (recent.size > 1) recent.clear();
      const digest = hash('sha256', text as string, 'buffer');
      recent.set(text, digest);
      return digest;
    });
    await db.client.releaseConnection(connection);
    return db;
  },
  indexesOf: (db, table) =>
    db('sqlite_master')
      .where({ type: 'index', tbl_name: table })
      .whereNotNull('sql')
      .select('name', 'sql as definition'),
};

const postgres: Maker = {
  sql: {
    sha256: (text) => `sha256(convert_to(${text}, 'UTF8'))`,
    hex: (bytes) => `encode(${bytes}, 'hex')`,
    tokenKey: (digest) =>
      `substr(sha256('\\x746f6b656e0000'::bytea || convert_to(${digest}, 'UTF8')), 1, 16)`,
  },
  numbers: 'select n from generate_series(?::int, ?::int) as series(n)',
  open: async (writer) => writer,
  // Indexes behind constraints stay.
  indexesOf: (db, table) =>
    db('pg_indexes')
      .where({ tablename: table })
      .whereNotIn('indexname', db('pg_constraint').select('conname'))
      .select('indexname as name', 'indexdef as definition'),
};
