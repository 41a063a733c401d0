// What is the same for the drivers of both databases.
import type { Knex } from 'knex';
import type { Table } from './dialect.ts';

/** Knex would write to the console, with statements; what fails is thrown and logged in one place. */
export const silent = { warn() {}, error() {}, deprecate() {}, debug() {} };

/** The driver's code for what went wrong; empty where it gives none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** Works with the connection behind `db`; within a transaction with the transaction's. */
export async function withConnection<Connection, T>(
  db: Knex,
  work: (connection: Connection) => T | Promise<T>,
): Promise<T> {
  const client = db.client as {
    acquireConnection(): Promise<Connection>;
    releaseConnection(connection: Connection): Promise<void>;
  };
  const connection = await client.acquireConnection();
  try {
    return await work(connection);
  } finally {
    await client.releaseConnection(connection);
  }
}

/** What of a table is selected. `hexOf` makes SQL of bytes to SQL of their digits, in lower case. */
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
