// Inserting many rows into one table, however many a statement may take.
import type { Knex } from 'knex';
import { inserterOf } from './dialect.ts';

/** All rows have the same columns. */
export async function insertRows(db: Knex, table: string, rows: readonly object[]): Promise<void> {
  if (rows.length > 0) await inserterOf(db)(db, table, rows as readonly Row[]);
}

type Row = Readonly<Record<string, unknown>>;
