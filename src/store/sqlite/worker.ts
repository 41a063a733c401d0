// The thread that writes: it owns the connection, runs what it is sent, one request after another, and keeps
// the write-ahead log short. It ends when it is told to close.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { Checkpoints } from './checkpoints.ts';
import type { Opening, Reply, Request } from './protocol.ts';
import { Statements } from './statements.ts';

class TransactionLost extends Error {
  override readonly name = 'TransactionLost';
  readonly code = 'SQLITE_ABORT';

  constructor() {
    super('the transaction has ended after an error');
  }
}

const done: Reply = { kind: 'done', changes: 0, lastInsertRowid: 0 };

class Writer {
  readonly #connection: Database.Database;
  readonly #statements: Statements;
  readonly #checkpoints: Checkpoints;
  /** The caller began a transaction and has not ended it. */
  #hasBegun = false;

  constructor({ filename, pragmas }: Opening) {
    this.#connection = new Database(filename);
    for (const pragma of pragmas) this.#connection.pragma(pragma);
    this.#statements = new Statements(this.#connection);
    this.#checkpoints = new Checkpoints(this.#connection);
  }

  answer(request: Request): Reply {
    switch (request.kind) {
      case 'run':
        return this.#run(request.sql, request.bindings);
      case 'run_each':
        return this.#runEach(request.sql, request.values, request.width);
      case 'close':
        this.#checkpoints.stop();
        this.#connection.close();
        return done;
    }
  }

  /** Follows every answer: it has left already, so this delays nobody but who writes next. */
  rest(): void {
    this.#checkpoints.consider();
  }

  #run(sql: string, bindings: readonly unknown[]): Reply {
    const isRollback = /^rollback;?$/i.test(sql);
    const isEnd = isRollback || /^commit;?$/i.test(sql);
    const wasLost = this.#isLost();
    if (isEnd) this.#hasBegun = false;
    // To refuse the caller's own ROLLBACK would hide behind another error why there is no transaction.
    if (isRollback && !this.#connection.inTransaction) return done;
    if (wasLost) throw new TransactionLost();
    try {
      const statement = this.#statements.of(sql);
      if (!statement.reader) {
        const result = statement.run(bindings);
        if (/^begin\b/i.test(sql)) this.#hasBegun = true;
        return { kind: 'done', ...result };
      }
      const rows = statement.raw().all(bindings) as unknown[][];
      return { kind: 'rows', columns: columnsOf(statement), values: rows.flat() };
    } catch (error) {
      // Knex gives up a transaction whose COMMIT failed; left open, it would be the next one's.
      if (isEnd && this.#connection.inTransaction) this.#connection.exec('rollback');
      throw error;
    }
  }

  #runEach(sql: string, values: readonly unknown[], width: number): Reply {
    if (this.#isLost()) throw new TransactionLost();
    const statement = this.#statements.of(sql);
    const found: unknown[] = [];
    for (let from = 0; from < values.length; from += width) {
      const bindings = values.slice(from, from + width);
      if (statement.reader) found.push(...(statement.raw().all(bindings) as unknown[][]).flat());
      else statement.run(bindings);
    }
    return statement.reader ? { kind: 'rows', columns: columnsOf(statement), values: found } : done;
  }

  /**
   * Some errors, as a full disk, end a transaction early. What was sent before its caller knew of them must
   * not run: outside of a transaction each statement would be committed by itself.
   */
  #isLost(): boolean {
    return this.#hasBegun && !this.#connection.inTransaction;
  }
}

function columnsOf(statement: Database.Statement<unknown[]>): string[] {
  return statement.columns().map(({ name }) => name);
}

function failed(error: unknown): Reply {
  const { name, code, message } = error as Error & { code?: string };
  return { kind: 'failed', name, code, message };
}

function serve(port: MessagePort): void {
  let writer: Writer;
  try {
    writer = new Writer(workerData as Opening);
  } catch (error) {
    port.postMessage(failed(error));
    return;
  }
  port.postMessage(done);
  port.on('message', (request: Request) => {
    let reply: Reply;
    try {
      reply = writer.answer(request);
    } catch (error) {
      reply = failed(error);
    }
    port.postMessage(reply);
    if (request.kind === 'close') port.close();
    else writer.rest();
  });
}

serve(parentPort as MessagePort);
