// The process of one worker, started by the first process of a server with several. It does what it is told
// by messages, and leaves signals to the first process: a terminal and some service managers send them to all.
import cluster from 'node:cluster';
import type { Config } from '../config.ts';
import type { Counts, OtherWorkers } from '../http/ops/metrics.ts';
import { createLog } from '../log.ts';
import { type RunningServer, startServer } from '../server.ts';
import type { ToFirst, ToWorker } from '../workers/messages.ts';
import { describeFailure } from './failure.ts';
import { manageHeap } from './heap.ts';
import { openFilesMax } from './open-files.ts';
import { linesLost, type Output, writeTogether } from './write-together.ts';

const channel = cluster.worker;
if (!channel) throw new Error('this program is started by the server, when WORKERS is over 1');
const tell = (message: ToFirst) => channel.send(message);

let server: Promise<RunningServer> | undefined;
let output: Output | undefined;
const collecting = new Map<number, (others: readonly Counts[]) => void>();
let collected = 0;
const otherWorkers: OtherWorkers = {
  collect: (own) =>
    new Promise((resolve) => {
      const id = collected++;
      collecting.set(id, resolve);
      tell({ kind: 'collect', id, own });
    }),
};

process.on('SIGTERM', () => {});
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
// Without the first process there is nobody to serve for.
channel.on('error', () => process.exit(1));
channel.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      return void start(message.config);
    case 'refuse':
      return void refuse();
    case 'stop':
      return void stop();
    case 'count':
      return void count(message.id);
    case 'collected':
      collecting.get(message.id)?.(message.others);
      collecting.delete(message.id);
      return;
    default:
      message satisfies never;
  }
});
tell({ kind: 'ready' });

async function start(config: Config): Promise<void> {
  manageHeap();
  const { logLevel: level, logFormat: format } = config;
  const { pid, version: nodeVersion } = process;
  output = writeTogether(process, (lines) => log.warn({ lines }, linesLost));
  const log = createLog({ level, format, pid, write: output.write });
  server = startServer(config, log, { nodeVersion, otherWorkers, openFilesMax: openFilesMax(process) });
  try {
    const { url, adminUrl } = await server;
    tell({ kind: 'listening', url, adminUrl });
  } catch (error) {
    tell({ kind: 'failed', text: describeFailure(error) });
  }
}

async function refuse(): Promise<void> {
  const running = await server?.catch(() => undefined);
  running?.refuse();
  tell({ kind: 'refuses' });
}

async function stop(): Promise<void> {
  try {
    await (await server)?.stop();
    await output?.end();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${describeFailure(error)}\n`);
    process.exit(1);
  }
}

/** A worker that did not start has told so already. */
async function count(id: number): Promise<void> {
  const running = await server?.catch(() => undefined);
  if (running) tell({ kind: 'counted', id, counts: await running.counts() });
}
