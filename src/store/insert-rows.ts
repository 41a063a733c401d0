// Inserting many rows into one table, however many a statement may take.
import type { Knex } from 'knex';
import { insertMany, type Rows } from './dialect.ts';

/**
 * As `insertMany`. All rows have the same columns. `onConflict` is SQL that never changes, for rows that may be
 * there already.
 */
export async function insertRows(
  db: Knex,
  table: string,
  rows: readonly object[],
  onConflict = '',
): Promise<void> {
  if (rows.length > 0) await insertMany(db, table, rows as Rows, onConflict);
}
