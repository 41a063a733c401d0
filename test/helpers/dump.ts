// Reads every column of every table as text, to show that no token and no secret is among them.
import Database from 'better-sqlite3';
import pg from 'pg';
import { fileOf, type TestDatabase } from './databases.ts';

export type Rows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

/** All rows by table; bytes as latin1, so that a token kept as bytes would be found as well. */
export async function dump(database: Pick<TestDatabase, 'kind' | 'url'>): Promise<Rows> {
  return database.kind === 'sqlite' ? dumpSqlite(fileOf(database)) : dumpPostgres(database.url);
}

function dumpSqlite(file: string): Rows {
  const sqlite = new Database(file, { readonly: true });
  try {
    const tables = sqlite
      .prepare<[], { name: string }>("select name from sqlite_master where type = 'table'")
      .all();
    return Object.fromEntries(
      tables.map(({ name }) => [
        name,
        sqlite.prepare<[], Record<string, unknown>>(`select * from "${name}"`).all(),
      ]),
    );
  } finally {
    sqlite.close();
  }
}

async function dumpPostgres(url: string): Promise<Rows> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    );
    const dumped: Record<string, Record<string, unknown>[]> = {};
    for (const { name } of tables) dumped[name] = (await client.query(`select * from "${name}"`)).rows;
    return dumped;
  } finally {
    await client.end();
  }
}

/** Where any of `secrets` can be read, in the form `table.column`. */
export function findSecrets(rows: Rows, secrets: Iterable<string>): string[] {
  const sought = [...secrets].filter((secret) => secret.length >= 8);
  const places = new Set<string>();
  for (const [table, tableRows] of Object.entries(rows)) {
    for (const [column, value] of tableRows.flatMap((row) => Object.entries(row))) {
      const text = Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
      if (sought.some((secret) => text.includes(secret))) places.add(`${table}.${column}`);
    }
  }
  return [...places];
}
