// The upkeep thread: opens a store of its own and does there what trail-work.ts does, call by call, so that no
// request waits for hashing, signing or formatting. It reads the key of seals from its file, and logs nothing:
// what goes wrong is the answer to a call.
import { constants, platform, setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { exportEvents } from '../domain/trail/export-trail.ts';
import { loggedSentenceOf } from '../logged-errors.ts';
import { openStore } from '../store/open.ts';
import type { ThreadAnswer, ThreadCall, ThreadMessage, ThreadSettings } from './thread-calls.ts';
import { trailWorkOn } from './trail-work.ts';

const { databaseUrl, ...config } = workerData as ThreadSettings;
/** The trail is read from one end to the other, so pages that were read are hardly ever read again. */
const store = openStore(databaseUrl, { pageCacheKiB: 2_048 });
const work = trailWorkOn(store, config, Date.now);
const utf8 = new TextEncoder();

type Pages = AsyncIterator<string, void>;

/** Ends when everything is sealed; yields no page. */
const sealing: Pages = { next: async () => ({ done: true, value: await work.seal() }) };

letOthersGoFirst();
parentPort?.on('message', (message: ThreadMessage) => {
  if (message.kind === 'stop') void stop();
  else serve(message.call, message.port);
});

/** Lets requests go first when processors are busy. Only Linux has a priority per thread. */
function letOthersGoFirst(): void {
  if (platform() !== 'linux') return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it; the thread then keeps its normal priority.
  }
}

function serve(call: ThreadCall, port: MessagePort): void {
  const pages = call.kind === 'seal' ? sealing : exportEvents(store, ...call.of);
  port.on('message', async () => {
    const answer = await answerOf(pages);
    // Pages are handed over, not copied.
    port.postMessage(answer, answer.kind === 'page' ? [answer.page.buffer] : []);
  });
  port.on('close', () => void pages.return?.().catch(() => {}));
}

async function answerOf(pages: Pages): Promise<ThreadAnswer> {
  try {
    const { done, value } = await pages.next();
    return done ? { kind: 'done' } : { kind: 'page', page: utf8.encode(value) };
  } catch (error) {
    return { kind: 'failed', problem: loggedSentenceOf(error) };
  }
}

/** The thread ends when nothing keeps it alive: the server closes the channels of its calls. */
async function stop(): Promise<void> {
  await work.stop();
  await store.close();
  parentPort?.close();
}
