// Where the schema is made: in the schema of Postgres that has it already, and in no database that cannot write every text.
import type pg from 'pg';
import { migrationConfig } from '../migration-source.ts';

class NotUnicode extends Error {
  override readonly name = 'NotUnicode';
  readonly code = 'NOT_UTF8';
}

/**
 * Otherwise a schema that has come before it in `search_path` since then (one that bears the user's name is enough) would
 * get all tables anew, empty.
 */
const settleWhereMigrated = `select set_config('search_path', relnamespace::regnamespace::text, false)
  from pg_class where oid = to_regclass($1)`;

/** Rejects where nothing is migrated yet, and revocations of users whose names the encoding lacks would be refused. */
export async function settle(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query(settleWhereMigrated, [migrationConfig.tableName]);
  if (rowCount !== 0) return;
  const { rows } = await client.query<{ server_encoding: string }>('show server_encoding');
  if (rows[0]?.server_encoding !== 'UTF8') throw new NotUnicode('the encoding is not UTF8');
}
