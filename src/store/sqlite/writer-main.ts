// The thread that writes: it owns the connection, runs what it is sent, one request after another, and keeps
// the write-ahead log short. It ends when it is told to close.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { rowHasChanged } from '../drivers.ts';
import { replaced } from '../unavailable.ts';
import { Checkpoints } from './checkpoints.ts';
import { DatabaseFile, demandFile } from './database-file.ts';
import type { WriterOpening, WriterReply, WriterRequest } from './protocol.ts';
import { Statements } from './statements.ts';

const done: WriterReply = { kind: 'done', changes: 0, lastInsertRowid: 0 };

class Writer {
  readonly #connection: Database.Database;
  readonly #statements: Statements;
  readonly #checkpoints: Checkpoints;
  readonly #file: DatabaseFile;
  #isInTransaction = false;
  /** The first failure in the transaction. */
  #failure: { readonly error: unknown } | null = null;

  constructor({ filename, pragmas }: WriterOpening) {
    demandFile(filename);
    this.#connection = new Database(filename);
    this.#file = new DatabaseFile(filename);
    for (const pragma of pragmas) this.#connection.pragma(pragma);
    this.#statements = new Statements(this.#connection);
    this.#checkpoints = new Checkpoints(this.#connection);
  }

  /** Null if the request is not answered. */
  answer(request: WriterRequest): WriterReply | null {
    switch (request.kind) {
      case 'begin':
        return this.#begin();
      case 'run':
        return this.#unlessFailed(() => this.#run(request.sql, request.bindings));
      case 'run_each':
        return this.#runEach(request);
      case 'update':
        return this.#update(request);
      case 'end':
        return this.#end(request.commits);
      case 'close':
        this.#checkpoints.stop();
        this.#connection.close();
        return done;
    }
  }

  /** To be called after every answer. That has left already, so only the next writer waits for this. */
  considerCheckpoint(): void {
    this.#checkpoints.consider();
  }

  /**
   * Immediate: a transaction that read first and then found another process writing could only fail. Where the disk failed
   * a checkpoint since the last one, this one fails for it, so that somebody hears of it.
   */
  #begin(): null {
    const failure = this.#checkpoints.takeFailure();
    this.#isInTransaction = true;
    this.#failure = failure === undefined ? null : { error: failure };
    this.#try(() => this.#statements.of('begin immediate').run([]));
    return null;
  }

  #run(sql: string, bindings: readonly unknown[]): WriterReply {
    const statement = this.#statements.of(sql);
    if (!statement.reader) return { kind: 'done', ...statement.run(bindings) };
    const rows = statement.raw().all(bindings) as unknown[][];
    return { kind: 'rows', columns: columnsOf(statement), values: rows.flat() };
  }

  #runEach({
    sql,
    values,
    width,
    isAnswered,
  }: Extract<WriterRequest, { kind: 'run_each' }>): WriterReply | null {
    const runAll = (): WriterReply => {
      const statement = this.#statements.of(sql);
      for (let from = 0; from < values.length; from += width) statement.run(values.slice(from, from + width));
      return done;
    };
    if (isAnswered) return this.#unlessFailed(runAll);
    this.#try(runAll);
    return null;
  }

  #update({ sql, values }: Extract<WriterRequest, { kind: 'update' }>): null {
    this.#try(() => {
      const { changes } = this.#statements.of(sql).run(values);
      if (changes === 0) throw Object.assign(new Error('what was read has changed'), { code: rowHasChanged });
    });
    return null;
  }

  /**
   * A transaction in which anything failed cannot be committed. And Knex gives up one whose COMMIT failed, so that is
   * rolled back here.
   */
  #end(commits: boolean): WriterReply {
    try {
      if (commits) {
        this.#unlessFailed(() => {
          this.#demandFile();
          this.#statements.of('commit').run([]);
        });
      }
      return done;
    } finally {
      this.#isInTransaction = false;
      this.#failure = null;
      if (this.#connection.inTransaction) this.#connection.exec('rollback');
    }
  }

  #demandFile(): void {
    if (this.#file.isInPlace()) return;
    throw Object.assign(new Error(replaced), { code: 'DATABASE_REPLACED' });
  }

  /**
   * As on Postgres, after a failure every later statement of the transaction fails. Some errors, such as a full disk,
   * also end the transaction in SQLite, which would then commit each later statement by itself.
   */
  #unlessFailed<T>(work: () => T): T {
    if (this.#failure) throw this.#failure.error;
    try {
      return work();
    } catch (error) {
      if (this.#isInTransaction) this.#failure = { error };
      throw error;
    }
  }

  /** For requests that are not answered: keeps the failure. */
  #try(work: () => unknown): void {
    try {
      this.#unlessFailed(work);
    } catch {
      // The next answered request reports it.
    }
  }
}

function columnsOf(statement: Database.Statement<unknown[]>): string[] {
  return statement.columns().map(({ name }) => name);
}

function failed(error: unknown): WriterReply {
  const { name, code, message } = error as Error & { code?: string };
  return { kind: 'failed', name, code, message };
}

function serve(port: MessagePort): void {
  let writer: Writer;
  try {
    writer = new Writer(workerData as WriterOpening);
  } catch (error) {
    port.postMessage(failed(error));
    return;
  }
  port.postMessage(done);
  const perform = (request: WriterRequest) => {
    let reply: WriterReply | null;
    try {
      reply = writer.answer(request);
    } catch (error) {
      reply = failed(error);
    }
    if (reply) port.postMessage(reply);
    if (request.kind === 'close') port.close();
    else if (reply) writer.considerCheckpoint();
  };
  port.on('message', (requests: readonly WriterRequest[]) => requests.forEach(perform));
}

serve(parentPort as MessagePort);
