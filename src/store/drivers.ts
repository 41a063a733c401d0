// What is the same for the drivers of both databases.
import type { Knex } from 'knex';
import type { Table } from './dialect.ts';

/** Keeps Knex from writing statements to the console; failures are thrown, and logged in one place. */
export const silent = { warn() {}, error() {}, deprecate() {}, debug() {} };

/** The code of a transaction's failure when `updateFixed` found no row as its condition says. */
export const rowHasChanged = 'ROW_HAS_CHANGED';

/** The code with which a database may refuse every statement of a transaction after the one that failed. */
export const transactionHasFailed = '25P02';

/** The driver's code for a failure; empty if it gives none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Works with a connection of `client`; within a transaction, with the transaction's connection. */
export async function withConnection<Connection, T>(
  client: Knex.Client,
  work: (connection: Connection) => T | Promise<T>,
): Promise<T> {
  const connection: Connection = await client.acquireConnection();
  try {
    return await work(connection);
  } finally {
    await client.releaseConnection(connection);
  }
}

/** The columns to select. `hexOf` turns SQL for bytes into SQL for their lower-case hexadecimal digits. */
export function selectionOf<Row>({ columns, inHex }: Table<Row>, hexOf: (bytes: string) => string): string {
  const select = (column: keyof Row & string) => {
    const bytes = inHex?.[column];
    return bytes === undefined ? `"${column}"` : `${hexOf(bytes)} as "${column}"`;
  };
  return columns.map(select).join(', ');
}

/** Names of columns or tables, quoted, for a list of them. */
export function namesOf(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(', ');
}
