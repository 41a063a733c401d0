// Inserting many rows: in statements small enough for every database's limits.
import type { Knex } from 'knex';

const rowsPerStatement = 100;

export async function insertRows(db: Knex, table: string, rows: readonly object[]): Promise<void> {
  for (let from = 0; from < rows.length; from += rowsPerStatement) {
    await db(table).insert(rows.slice(from, from + rowsPerStatement));
  }
}
