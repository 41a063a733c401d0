// The server's end of the upkeep thread: starts it when there is work, notices when it dies, and stops it. A
// call that the thread's death cuts off fails, and the next one starts a new thread.
import { extname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { StoreUnavailable } from '../domain/store-errors.ts';
import type { ExportTrail } from '../domain/trail/export-trail.ts';
import type { ThreadAnswer, ThreadCall, ThreadMessage, ThreadSettings } from './thread-calls.ts';
import type { TrailWork } from './trail-work.ts';

/** Work under way gets this long to end in order. */
const stopMsMax = 10_000;
const closed: ThreadAnswer = { kind: 'failed', problem: 'the upkeep thread ended' };

class ThreadFailure extends Error {
  override readonly name = 'ThreadFailure';
}

/** Pages of the trail are garbage once they are worked on; by default, V8 lets four times as much of it gather. */
const youngMiB = 12;

export function startThread(settings: ThreadSettings): Worker {
  const main = new URL(`thread-main${extname(import.meta.filename)}`, import.meta.url);
  return new Worker(main, {
    workerData: settings,
    name: 'upkeep',
    resourceLimits: { maxYoungGenerationSizeMb: youngMiB },
  });
}

export class UpkeepThread implements TrailWork {
  readonly #settings: ThreadSettings;
  readonly #log: Logger;
  readonly #start: typeof startThread;
  #thread: Worker | undefined;
  #deaths = 0;
  #isStopping = false;

  constructor(settings: ThreadSettings, log: Logger, start = startThread) {
    this.#settings = settings;
    this.#log = log;
    this.#start = start;
  }

  async seal(): Promise<void> {
    for await (const _ of this.#call({ kind: 'seal' }));
  }

  async *exportTrail(...of: Parameters<ExportTrail>): ReturnType<ExportTrail> {
    try {
      yield* this.#call({ kind: 'export', of });
    } catch (error) {
      const why = error instanceof ThreadFailure ? `: ${error.message}` : '';
      throw new StoreUnavailable(`the export was cut off${why}`, { cause: error });
    }
  }

  deaths(): number {
    return this.#deaths;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const thread = this.#thread;
    if (!thread) return;
    const cutOff = setTimeout(() => void thread.terminate(), stopMsMax);
    await new Promise((resolve) => {
      thread.once('exit', resolve);
      thread.ref();
      thread.postMessage({ kind: 'stop' } satisfies ThreadMessage);
    });
    clearTimeout(cutOff);
  }

  /** Yields the thread's answers. While a page is used, the next one is made, but no further one. */
  async *#call(call: ThreadCall): AsyncGenerator<Uint8Array, void> {
    const { port1: ours, port2: theirs } = new MessageChannel();
    const ask = askerOn(ours);
    try {
      this.#running().postMessage({ kind: 'call', call, port: theirs } satisfies ThreadMessage, [theirs]);
      for (let next = ask(); ; ) {
        const answer = await next;
        if (answer.kind === 'done') return;
        if (answer.kind === 'failed') throw new ThreadFailure(answer.problem);
        next = ask();
        yield answer.page;
      }
    } finally {
      ours.close();
    }
  }

  #running(): Worker {
    if (this.#thread) return this.#thread;
    const thread = this.#start(this.#settings);
    let reason: string | undefined;
    thread.unref();
    thread.on('error', ({ name }) => {
      reason = name;
    });
    thread.once('exit', (code) => {
      this.#thread = undefined;
      if (this.#isStopping) return;
      this.#deaths += 1;
      this.#log.error({ error: reason, code }, 'the upkeep thread died; the next work for it starts another');
    });
    this.#thread = thread;
    return thread;
  }
}

/** Asks for one answer at a time. On a closed channel the answer is that the thread has ended. */
function askerOn(port: MessagePort): () => Promise<ThreadAnswer> {
  let settle: (answer: ThreadAnswer) => void = () => {};
  let isOpen = true;
  port.on('message', (answer: ThreadAnswer) => settle(answer));
  port.on('close', () => {
    isOpen = false;
    settle(closed);
  });
  return () =>
    new Promise((resolve) => {
      settle = resolve;
      if (isOpen) port.postMessage('next');
      else resolve(closed);
    });
}
