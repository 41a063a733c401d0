// Knex's client for Postgres, with the statements that run very often: each connection prepares them once. Knex may
// make a client for a transaction from its prototype alone, so it has no fields.
import { hash } from 'node:crypto';
import type pg from 'pg';
import type { Key, Reads, Table, Writes } from '../dialect.ts';
import { namesOf, selectionOf, withConnection } from '../drivers.ts';
import { answered, PipelinedClient, send } from './pipelined-client.ts';

const rowsPerStatement = 500;

export class PostgresClient extends PipelinedClient implements Reads, Writes {
  /**
   * Changes with another server after a failover, with the same one started over other files, and with another table
   * after a restore.
   */
  get incarnation(): string {
    return "concat_ws(' ', pg_postmaster_start_time(), tableoid)";
  }

  async findRow<Row>(sql: string, values: readonly unknown[] = []): Promise<Row> {
    const [row] = await rowsOf<Row>(this, { values: [...values], ...numbered(sql) });
    return row as Row;
  }

  /** One round trip for all keys, by a statement whose text never changes. */
  findRowsByKey<Row>(
    table: Table<Row>,
    column: string,
    keys: readonly Key[],
    condition = 'true',
  ): Promise<Row[]> {
    const statement = named(
      `select ${selectionOf(table, this.hexOf)} from "${table.name}" where "${column}" = any($1) and ${condition}`,
    );
    return rowsOf(this, { values: [keys], ...statement });
  }

  /**
   * The one row travels as JSON beside each of the others; where there are none of those, beside nothing. `offset 0` has it
   * made once.
   */
  async findRowAndRowsByKey<One, Row>(
    sql: string,
    table: Table<Row>,
    column: keyof Row & string,
    keys: readonly Key[],
  ): Promise<{ one: One; rows: Row[] }> {
    const statement = named(
      `select one, ${selectionOf(table, this.hexOf)}
      from (select row_to_json(one)::text as one from (${sql}) one offset 0) beside
        left join "${table.name}" on "${column}" = any($1)`,
    );
    const rows = await rowsOf<Row & { one: string }>(this, { values: [keys], ...statement });
    const one = JSON.parse((rows[0] as { one: string }).one);
    return { one, rows: rows.filter((row) => row[column] !== null) };
  }

  hexOf(bytes: string): string {
    return `encode(${bytes}, 'hex')`;
  }

  /** The catalogue that Knex would query leaves out what this user may not use. */
  async hasTable(name: string): Promise<boolean> {
    const { table } = await this.findRow<{ table: string | null }>('select to_regclass(?)::text as table', [
      name,
    ]);
    return table !== null;
  }

  /** The rows travel as one parameter: the statement is always the same, and no text is built for each row. */
  async insertMany(table: string, rows: readonly object[], onConflict = ''): Promise<void> {
    if (rows.length === 0) return;
    const columns = namesOf(Object.keys(rows[0] ?? {}));
    const statement = named(
      `insert into "${table}" (${columns})
      select ${columns} from json_populate_recordset(null::"${table}", $1) ${onConflict}`,
    );
    await withConnection(this, async (client: pg.Client) => {
      for (let from = 0; from < rows.length; from += rowsPerStatement) {
        const values = [JSON.stringify(rows.slice(from, from + rowsPerStatement).map(toJsonRow))];
        if (this.transacting) send(client, { values, ...statement });
        else await client.query({ values, ...statement });
      }
    });
  }

  async updateFixed(sql: string, values: readonly unknown[]): Promise<void> {
    const query = { values: [...values], ...numbered(sql) };
    await withConnection(this, (client: pg.Client) => send(client, query));
  }

  bytesOf(hex: string): string {
    return `decode(${hex}, 'hex')`;
  }
}

function rowsOf<Row>(of: PostgresClient, query: pg.QueryConfig): Promise<Row[]> {
  return withConnection(
    of,
    async (client: pg.Client) => (await answered(client, client.query(query))).rows as Row[],
  );
}

/** Bytes as Postgres writes them. */
function toJsonRow(row: object): object {
  const written: Record<string, unknown> = { ...row };
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
