// Knex's client for what is read in the server's own thread. The statements that run very often go past Knex, which
// takes ten times as long, and past its pool, which has one connection and takes longer to hand it out than most
// look-ups take.
import type Database from 'better-sqlite3';
import type { Knex } from 'knex';
import InProcessClient from 'knex/lib/dialects/better-sqlite3/index.js';
import type { Key, Reads, Table } from '../dialect.ts';
import { selectionOf, withConnection } from '../drivers.ts';
import { demandFile, incarnation } from './database-file.ts';
import { Statements } from './statements.ts';

interface ReaderConfig extends Knex.Config {
  readonly connection: { readonly filename: string };
  readonly pragmas: readonly string[];
  readonly onOpened: () => void;
}

export class ReaderClient extends InProcessClient implements Reads {
  #statements: Statements | undefined;

  override async acquireRawConnection(): Promise<Database.Database> {
    const {
      connection: { filename },
      pragmas,
      onOpened,
    } = this.config as ReaderConfig;
    demandFile(filename);
    const connection: Database.Database = await super.acquireRawConnection();
    onOpened();
    for (const pragma of pragmas) connection.pragma(pragma);
    return connection;
  }

  get incarnation(): string {
    return incarnation;
  }

  findRow<Row>(sql: string, values: readonly unknown[] = []): Promise<Row> {
    return this.#read((statements) => statements.of(sql).get(...values) as Row);
  }

  /** One look-up per key, as there is no round trip to save. */
  findRowsByKey<Row>(
    table: Table<Row>,
    column: string,
    keys: readonly Key[],
    condition = 'true',
  ): Promise<Row[]> {
    return this.#read((statements) => {
      const findAll = () => rowsByKey(statements, table, column, keys, condition);
      return keys.length === 1 ? findAll() : inOneTransaction(statements, findAll);
    });
  }

  findRowAndRowsByKey<One, Row>(
    sql: string,
    table: Table<Row>,
    column: string,
    keys: readonly Key[],
  ): Promise<{ one: One; rows: Row[] }> {
    return this.#read((statements) =>
      inOneTransaction(statements, () => ({
        one: statements.of(sql).get() as One,
        rows: rowsByKey(statements, table, column, keys),
      })),
    );
  }

  hexOf(bytes: string): string {
    return hexOf(bytes);
  }

  async hasTable(name: string): Promise<boolean> {
    const found = await this.findRow("select 1 from sqlite_master where type = 'table' and name = ?", [name]);
    return found !== undefined;
  }

  async #read<T>(work: (statements: Statements) => T): Promise<T> {
    const known = this.#statements;
    if (known?.connection.open) return work(known);
    return withConnection(this, (connection: Database.Database) => {
      this.#statements = new Statements(connection);
      return work(this.#statements);
    });
  }
}

function hexOf(bytes: string): string {
  return `hex(${bytes})`;
}

function rowsByKey<Row>(
  statements: Statements,
  table: Table<Row>,
  column: string,
  keys: readonly Key[],
  condition = 'true',
): Row[] {
  const selection = selectionOf(table, (bytes) => `lower(${hexOf(bytes)})`);
  const sql = `select ${selection} from "${table.name}" where "${column}" = ? and ${condition}`;
  const find = statements.of(sql).raw();
  return keys.flatMap((key) =>
    (find.all(key) as unknown[][]).map((values) => toRow<Row>(table.columns, values)),
  );
}

/** So that the file is locked once for all reads, and they are as of one instant. */
function inOneTransaction<T>(statements: Statements, read: () => T): T {
  statements.of('begin').run();
  try {
    return read();
  } finally {
    if (statements.connection.inTransaction) statements.of('commit').run();
  }
}

/** Takes half the time of the driver's own objects, for which it names the columns anew for each row. */
function toRow<Row>(columns: readonly string[], values: readonly unknown[]): Row {
  const row: Record<string, unknown> = {};
  for (let n = 0; n < columns.length; n++) row[columns[n] as string] = values[n];
  return row as Row;
}
