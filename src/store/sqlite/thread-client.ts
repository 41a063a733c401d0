// Knex's client for this database, with connections that live in a thread of their own.
import type { Knex } from 'knex';
import InProcessClient from 'knex/lib/dialects/better-sqlite3/index.js';
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

export class ThreadClient extends InProcessClient {
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
}

/** Has no connections, but is lent one for each transaction. */
export class TransactionClient extends ThreadClient {
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
