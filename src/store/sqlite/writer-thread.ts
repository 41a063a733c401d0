// The server's end of the writing thread: what Knex holds as a connection. Commits wait for the disk, and
// writers for each other; in a thread they make no reader wait.
import { Worker } from 'node:worker_threads';
import type { WriterOpening, WriterReply, WriterRequest } from './protocol.ts';

/** Small, as what the thread makes is soon garbage; by default, V8 lets several times as much of it gather. */
const youngMiB = 6;

/** With more, the thread had better begin while the rest is being prepared. */
const heldValuesMax = 2_500;

/** The thread is gone, and whether its last statements were done is unknown. */
class WriterThreadEnded extends Error {
  override readonly name = 'WriterThreadEnded';
  readonly code = 'WRITER_THREAD_ENDED';
}

export type Outcome =
  | { readonly kind: 'rows'; readonly rows: Record<string, unknown>[] }
  | Extract<WriterReply, { kind: 'done' }>;

interface Waiting {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

export class WriterThread {
  readonly #worker: Worker;
  /** In the order of their requests, which is that of the replies. */
  readonly #waiting: Waiting[] = [];
  /** They leave with the next one: waking the thread takes longer than a few statements. */
  #held: WriterRequest[] = [];
  readonly #ended: Promise<void>;
  #isEnding = false;
  #isInTransaction = false;

  /** Resolves when the database is open; rejects with why it cannot be. */
  static async start(opening: WriterOpening): Promise<WriterThread> {
    const thread = new WriterThread(opening);
    await new Promise<Outcome>((resolve, reject) => thread.#waiting.push({ resolve, reject }));
    return thread;
  }

  private constructor(opening: WriterOpening) {
    this.#worker = startWorker(opening);
    let cause: unknown;
    this.#worker.on('message', (reply: WriterReply) => this.#settle(reply));
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#ended = new Promise((resolve) => {
      // By now its connection is closed and its transaction rolled back: the next thread can begin.
      this.#worker.on('exit', () => {
        this.#isEnding = true;
        const error = new WriterThreadEnded('the thread that writes has ended', { cause });
        for (const { reject } of this.#waiting.splice(0)) reject(error);
        resolve();
      });
    });
  }

  get isUsable(): boolean {
    return !this.#isEnding;
  }

  run(sql: string, bindings: readonly unknown[]): Promise<Outcome> {
    return this.#ask({ kind: 'run', sql, bindings });
  }

  /** A failure to begin is reported by a later statement of the transaction. */
  begin(): void {
    this.#hold({ kind: 'begin' });
    this.#isInTransaction = true;
  }

  /** Rejects with the transaction's first failure; either way the transaction is over. */
  async end({ commits }: { commits: boolean }): Promise<void> {
    this.#isInTransaction = false;
    await this.#ask({ kind: 'end', commits });
  }

  /**
   * Runs one statement for each of the rows, which all have `width` values, given one after another. Within a
   * transaction it resolves at once, and a later statement reports a failure.
   */
  async runEach(sql: string, values: readonly unknown[], width: number): Promise<void> {
    const request = { kind: 'run_each', sql, values, width, isAnswered: !this.#isInTransaction } as const;
    if (request.isAnswered) await this.#ask(request);
    else if (values.length < heldValuesMax) this.#hold(request);
    else this.#send(request);
  }

  /** Within a transaction: resolves at once, and a later statement reports a failure, also if no row is changed. */
  async update(sql: string, values: readonly unknown[]): Promise<void> {
    this.#hold({ kind: 'update', sql, values });
  }

  /** Resolves when the connection is closed and the thread has ended, however it did. */
  async close(): Promise<void> {
    if (!this.#isEnding) {
      const closed = this.#ask({ kind: 'close' });
      this.#isEnding = true;
      await closed.catch(() => {});
    }
    await this.#ended;
  }

  #ask(request: WriterRequest): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#send(request);
      this.#waiting.push({ resolve, reject });
    });
  }

  #send(request: WriterRequest): void {
    this.#hold(request);
    const requests = this.#held;
    this.#held = [];
    this.#worker.postMessage(requests);
  }

  #hold(request: WriterRequest): void {
    if (this.#isEnding) throw new WriterThreadEnded('the thread that writes has ended');
    this.#held.push(request);
  }

  #settle(reply: WriterReply): void {
    const waiting = this.#waiting.shift();
    if (!waiting) return;
    if (reply.kind === 'failed') waiting.reject(toError(reply));
    else if (reply.kind === 'rows') waiting.resolve({ kind: 'rows', rows: toRows(reply) });
    else waiting.resolve(reply);
  }
}

/** Passes on none of Node's options: some, such as `--input-type`, would stop the thread. */
function startWorker(workerData: WriterOpening): Worker {
  const options = { workerData, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: youngMiB } };
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./writer-main.js', import.meta.url), options);
  // A thread does not inherit the loader by which Node runs TypeScript, as in the benches.
  const [loader, entry] = [import.meta.resolve('tsx/esm/api'), import.meta.resolve('./writer-main.ts')];
  const code = `import('${loader}').then(({ register }) => { register(); return import('${entry}'); });`;
  return new Worker(code, { ...options, eval: true });
}

function toError({ name, code, message }: Extract<WriterReply, { kind: 'failed' }>): Error {
  return Object.assign(new Error(message), code === undefined ? { name } : { name, code });
}

function toRows({ columns, values }: Extract<WriterReply, { kind: 'rows' }>): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = [];
  for (let from = 0; from < values.length; from += columns.length) {
    const row: Record<string, unknown> = {};
    for (let n = 0; n < columns.length; n++) {
      const value = values[from + n];
      row[columns[n] as string] = value instanceof Uint8Array ? toBuffer(value) : value;
    }
    rows.push(row);
  }
  return rows;
}

/** The same bytes: between threads a Buffer loses its class. */
function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
