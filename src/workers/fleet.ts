// The first process of a server with several workers. It serves nothing itself: it starts the workers, which
// share its ports, hands each connection to the next of them, counts failed authentications for all, and adds
// up what they have counted.
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { RateLimiterClusterMaster } from 'rate-limiter-flexible';
import type { Config } from '../config.ts';
import { CountBook } from './count-book.ts';
import type { Listening, ToFirst } from './messages.ts';
import { Seat } from './seat.ts';

const program = fileURLToPath(new URL(`../cli/worker${extname(import.meta.url)}`, import.meta.url));

export interface Fleet {
  readonly url: string;
  readonly adminUrl: string;
  /** Resolves when a worker ended too often to be replaced once more. */
  readonly givenUp: Promise<void>;
  /**
   * Lets all workers drain and end. Rejects when one did not end by itself, or badly. A connection that comes in
   * the instant in which the last of them closes its port is held by `node:cluster`, unanswered, until this
   * process ends.
   */
  stop(): Promise<void>;
}

class WorkersEndedBadly extends Error {
  override readonly name = 'WorkersEndedBadly';
}

/** Resolves when all workers listen; rejects with `WorkerFailed` when one does not come so far. */
export async function startFleet(config: Config, log: Logger): Promise<Fleet> {
  cluster.setupPrimary({ exec: program, args: [] });
  new RateLimiterClusterMaster();
  const book = new CountBook();
  let giveUp = () => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const seats = configsOf(config).map(
    (own) =>
      new Seat({
        config: own,
        log,
        onMessage: (worker, message) => receive(worker, message),
        onEnd: (worker) => book.close(worker),
        onGivenUp: giveUp,
      }),
  );
  const receive = (worker: Worker, message: ToFirst): void => {
    if (message.kind === 'counted') book.receive(worker, message.id, message.counts);
    if (message.kind !== 'collect') return;
    const serving = seats.flatMap((seat) => seat.serving ?? []);
    void book.answer(worker, message.id, message.own, serving);
  };
  const { url, adminUrl } = await startAll(seats);
  return {
    url,
    adminUrl,
    givenUp,
    async stop() {
      // Or clients that one worker sends away would connect to another that is about to do the same.
      const allRefuse = Promise.all(seats.map((seat) => seat.refuse()));
      const areWell = await Promise.all(seats.map((seat) => seat.stop(allRefuse)));
      if (areWell.includes(false)) throw new WorkersEndedBadly('a worker did not end by itself, or badly');
    },
  };
}

/** Only the first error is reported: the others would say the same. */
async function startAll(seats: readonly Seat[]): Promise<Listening> {
  try {
    const [first] = await Promise.all(seats.map((seat) => seat.start()));
    return first as Listening;
  } catch (error) {
    await Promise.all(seats.map((seat) => seat.abandon()));
    throw error;
  }
}

/** One per worker: all sign alike, and one of them does the upkeep. */
function configsOf(config: Config): Config[] {
  const confirmSecret = config.confirmSecret ?? randomBytes(32).toString('base64url');
  return Array.from({ length: config.workers }, (_, n) => ({
    ...config,
    confirmSecret,
    ...(n > 0 && { sealIntervalMs: 0, purgeIntervalMs: 0 }),
  }));
}
