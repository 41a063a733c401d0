// Knex's client for what is written, with connections that live in a thread of their own.
import knexFactory, { type Knex } from 'knex';
import InProcessClient from 'knex/lib/dialects/better-sqlite3/index.js';
import type { Writes } from '../dialect.ts';
import { namesOf, silent, withConnection } from '../drivers.ts';
import { incarnation } from './database-file.ts';
import { type Outcome, WriterThread } from './writer-thread.ts';

/** A statement as Knex hands it to its client, and what it reads from it afterwards. */
interface Query {
  readonly sql: string;
  readonly bindings?: readonly unknown[];
  response?: unknown;
  context?: { lastID: number | bigint; changes: number };
}

interface ThreadConfig extends Knex.Config {
  readonly connection: { readonly filename: string };
  readonly pragmas: readonly string[];
}

export class ThreadClient extends InProcessClient implements Writes {
  /** What all transactions work with. */
  #tx: Knex | undefined;

  override acquireRawConnection(): Promise<WriterThread> {
    const { connection, pragmas } = this.config as ThreadConfig;
    return WriterThread.start({ filename: connection.filename, pragmas });
  }

  override destroyRawConnection(thread: WriterThread): Promise<void> {
    return thread.close();
  }

  /** False if the thread has ended: the pool then starts another one. */
  override async validateConnection(thread: WriterThread): Promise<boolean> {
    return thread.isUsable;
  }

  async _query(thread: WriterThread, query: Query): Promise<Query> {
    const outcome = await perform(thread, query.sql, this._formatBindings(query.bindings));
    if (outcome.kind === 'rows') {
      query.response = outcome.rows;
    } else {
      query.response = outcome;
      query.context = { lastID: outcome.lastInsertRowid, changes: outcome.changes };
    }
    return query;
  }

  get incarnation(): string {
    return incarnation;
  }

  async findRow<Row>(sql: string, values: readonly unknown[] = []): Promise<Row> {
    const outcome = await withConnection(this, (thread: WriterThread) => thread.run(sql, values));
    return (outcome.kind === 'rows' ? outcome.rows[0] : undefined) as Row;
  }

  /** One message for all rows; the thread runs one prepared statement for each of them. */
  async insertMany(table: string, rows: readonly object[], onConflict = ''): Promise<void> {
    if (rows.length === 0) return;
    const columns = Object.keys(rows[0] ?? {});
    const marks = columns.map(() => '?').join(', ');
    const sql = `insert into "${table}" (${namesOf(columns)}) values (${marks}) ${onConflict}`;
    const values = new Array<unknown>(rows.length * columns.length);
    let at = 0;
    for (const row of rows as readonly Record<string, unknown>[])
      for (const column of columns) values[at++] = row[column];
    await withConnection(this, (thread: WriterThread) => thread.runEach(sql, values, columns.length));
  }

  updateFixed(sql: string, values: readonly unknown[]): Promise<void> {
    return withConnection(this, (thread: WriterThread) => thread.update(sql, values));
  }

  bytesOf(hex: string): string {
    return `unhex(${hex})`;
  }

  /**
   * With one instance of Knex for all transactions, as there is a single connection. Knex itself makes a new one for
   * each; measured, all of a batch then stayed in memory until the garbage collector next went through the whole heap.
   */
  inTransaction<T>(work: (tx: Knex) => Promise<T>): Promise<T> {
    this.#tx ??= knexFactory({ client: TransactionClient, log: silent, useNullAsDefault: true });
    const tx = this.#tx;
    const client: TransactionClient = tx.client;
    return withConnection(this, (thread: WriterThread) => client.runTransaction(thread, () => work(tx)));
  }
}

/** Has no connections, but is lent one for each transaction. */
class TransactionClient extends ThreadClient {
  #thread: WriterThread | null = null;

  override async acquireConnection(): Promise<WriterThread> {
    if (!this.#thread) throw new Error('a statement came after the end of its transaction');
    return this.#thread;
  }

  override async releaseConnection(): Promise<void> {}

  /** Rejects with what `work` or the commit rejects with; the transaction is then rolled back. */
  async runTransaction<T>(thread: WriterThread, work: () => Promise<T>): Promise<T> {
    thread.begin();
    this.#thread = thread;
    let outcome: T;
    try {
      outcome = await work();
    } catch (error) {
      this.#thread = null;
      await thread.end({ commits: false }).catch(() => {});
      throw error;
    }
    this.#thread = null;
    await thread.end({ commits: true });
    return outcome;
  }
}

const done: Outcome = { kind: 'done', changes: 0, lastInsertRowid: 0 };

async function perform(thread: WriterThread, sql: string, bindings: readonly unknown[]): Promise<Outcome> {
  switch (sql) {
    case 'BEGIN;':
      thread.begin();
      return done;
    case 'COMMIT;':
    case 'ROLLBACK':
      await thread.end({ commits: sql === 'COMMIT;' });
      return done;
    default:
      return thread.run(sql, bindings);
  }
}
