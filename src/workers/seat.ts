// The place of one worker: starts a process for it, and another one when that ends unasked. If this happens again and
// again, it waits longer each time, and in the end gives up.
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Listening, ToFirst, ToWorker } from './messages.ts';

const firstWaitMs = 100;
const endsPerMinuteMax = 5;
const minuteMs = 60_000;
/** Only a worker that hangs takes as long to close its ports. */
const refusingMs = 2_000;
/** The time that ending may take beyond the grace period of open requests. */
const endMs = 10_000;
const notStarted =
  'No process could be started to serve. Allow more processes (ulimit -u, or the pids of the container) and open files ' +
  '(ulimit -n); where Node was replaced or moved, restart the server.';

export interface SeatParts {
  /** What the worker is to be started with. */
  readonly config: Config;
  readonly log: Logger;
  readonly onMessage: (worker: Worker, message: ToFirst) => void;
  readonly onEnd: (worker: Worker) => void;
  /** The worker ended too often. */
  readonly onGivenUp: () => void;
}

/** The worker ended before it listened; the message is for the operator. */
export class WorkerFailed extends Error {
  override readonly name = 'WorkerFailed';
}

export class Seat {
  readonly #parts: SeatParts;
  #worker: Worker | undefined;
  #isListening = false;
  #isStopping = false;
  #ends: number[] = [];
  #restart: NodeJS.Timeout | undefined;

  constructor(parts: SeatParts) {
    this.#parts = parts;
  }

  /** The worker, while it serves. */
  get serving(): Worker | undefined {
    return this.#isListening ? this.#worker : undefined;
  }

  /** Resolves when the worker listens; rejects with `WorkerFailed` when it ends before. */
  start(): Promise<Listening> {
    const worker = cluster.fork();
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let failure: string | undefined;
      const end = (how: number | string) => {
        this.#end(worker, how);
        reject(new WorkerFailed(failure ?? `A process that was to serve ended at its start, with ${how}.`));
      };
      worker.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
        // Sending to a dying process fails here; only its end counts. But a process that never was has none.
        if (pidOf(worker) !== undefined || this.#worker !== worker) return;
        failure = `${notStarted} (${code})`;
        end(code);
      });
      worker.on('message', (message: ToFirst) => {
        if (message.kind === 'ready') this.#begin(worker);
        if (message.kind === 'failed') {
          failure = message.text;
          worker.kill('SIGKILL');
        }
        if (message.kind === 'listening') {
          this.#isListening = true;
          resolve(message);
        }
        this.#parts.onMessage(worker, message);
      });
      worker.once('exit', (code, signal) => end(signal ?? code));
    });
  }

  /** Resolves when the worker takes no new connections. It is to be stopped then. */
  refuse(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    return new Promise((resolve) => {
      if (!worker) return resolve();
      const overdue = setTimeout(resolve, refusingMs);
      const done = () => {
        clearTimeout(overdue);
        resolve();
      };
      worker.once('exit', done);
      worker.on('message', ({ kind }: ToFirst) => kind === 'refuses' && done());
      tell(worker, { kind: 'refuse' });
    });
  }

  /** Waits for `allRefuse`, then lets the worker drain and end. Resolves to whether it ended by itself, with code 0. */
  async stop(allRefuse: Promise<unknown>): Promise<boolean> {
    const worker = this.#worker;
    if (!worker) return true;
    const ended = exitOf(worker);
    const wasListening = this.#isListening;
    await allRefuse;
    const overdue = setTimeout(() => worker.kill('SIGKILL'), this.#parts.config.shutdownGraceMs + endMs);
    tell(worker, { kind: 'stop' });
    const code = await ended;
    clearTimeout(overdue);
    // A worker that is still starting may be ended by the same signal, and has nothing to lose.
    return code === 0 || !wasListening;
  }

  /** Ends the worker at once, when another one cannot start. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (!worker) return;
    worker.kill('SIGKILL');
    await exitOf(worker);
  }

  #begin(worker: Worker): void {
    const { config } = this.#parts;
    tell(worker, this.#isStopping ? { kind: 'stop' } : { kind: 'start', config });
  }

  #end(worker: Worker, how: number | string): void {
    const wasListening = this.#isListening;
    this.#worker = undefined;
    this.#isListening = false;
    this.#parts.onEnd(worker);
    if (wasListening) this.#replace({ worker: pidOf(worker), ended_with: how });
  }

  #replace(ended: Record<string, unknown>): void {
    if (this.#isStopping) return;
    const now = performance.now();
    this.#ends = [...this.#ends.filter((at) => now - at < minuteMs), now];
    const { log, onGivenUp } = this.#parts;
    if (this.#ends.length >= endsPerMinuteMax) {
      log.fatal(ended, 'a worker ended, as those before it did; the server gives up');
      onGivenUp();
      return;
    }
    const waitMs = firstWaitMs * 2 ** (this.#ends.length - 1);
    log.error({ ...ended, wait_ms: waitMs }, 'a worker ended; another one takes its place');
    this.#restart = setTimeout(() => this.#startAgain(), waitMs);
  }

  #startAgain(): void {
    this.start().then(
      ({ url }) =>
        this.#parts.log.info({ worker: pidOf(this.#worker), url }, 'the worker in its place listens'),
      (error: WorkerFailed) => this.#replace({ failure: error.message }),
    );
  }
}

function tell(worker: Worker, message: ToWorker): void {
  worker.send(message);
}

/** Not by `once` of node:events, which rejects at an `error` event: such comes if a dying worker is sent a message. */
function exitOf(worker: Worker): Promise<number | null> {
  return new Promise((resolve) => worker.once('exit', resolve));
}

function pidOf(worker: Worker | undefined): number | undefined {
  const { process: started } = worker ?? {};
  return started?.pid;
}
