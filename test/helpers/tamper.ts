// Tampering with the database: runs statements as an administrator would, past the server. Statements use `?`.
import Database from 'better-sqlite3';
import pg from 'pg';
import { fileOf, type TestDatabase } from './databases.ts';

type Row = Record<string, unknown>;
export type Run = (sql: string, ...values: unknown[]) => Promise<Row[]>;

export async function byHand<T>(
  database: Pick<TestDatabase, 'kind' | 'url'>,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  if (database.kind === 'sqlite') {
    const sqlite = new Database(fileOf(database));
    try {
      return await work(async (sql, ...values) => {
        const statement = sqlite.prepare<unknown[], Row>(sql);
        if (statement.reader) return statement.all(...values);
        statement.run(...values);
        return [];
      });
    } finally {
      sqlite.close();
    }
  }
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return await work(async (sql, ...values) => {
      let n = 0;
      return (
        await client.query<Row>(
          sql.replace(/\?/g, () => `$${++n}`),
          values,
        )
      ).rows;
    });
  } finally {
    await client.end();
  }
}

/** Every trigger that keeps the logs append-only, as the catalogue lists them. */
export async function listTriggers(
  database: TestDatabase,
  run: Run,
): Promise<{ name: string; table: string }[]> {
  const sql =
    database.kind === 'sqlite'
      ? `select name, tbl_name as "table" from sqlite_master where type = 'trigger' order by name`
      : `select distinct tgname as name, tgrelid::regclass::text as "table" from pg_trigger
         where not tgisinternal order by name`;
  return (await run(sql)) as { name: string; table: string }[];
}

/** The first step of anyone who wants to change the past. */
export async function dropTriggers(database: TestDatabase, run: Run): Promise<void> {
  for (const { name, table } of await listTriggers(database, run))
    await run(`drop trigger ${name}${database.kind === 'postgres' ? ` on ${table}` : ''}`);
}
