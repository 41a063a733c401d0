// The queue behind questions and decisions: what joins a batch, and what happens when too much waits.
import test from 'ava';
import { BatchQueue, type Entry } from '../../src/store/batch-queue.ts';

const wide = { batchMax: 100, waitingMax: 100, lanes: 1 };

/** A queue whose batches are held back until `release` is called, and the batches that it began. */
function heldQueue(limits: { batchMax: number; waitingMax: number; lanes: number }) {
  const batches: number[][] = [];
  const held: (() => void)[] = [];
  const queue = new BatchQueue<number>(async (entries: readonly Entry<number>[]) => {
    batches.push(entries.map(({ item }) => item));
    await new Promise<void>((resolve) => held.push(resolve));
    for (const entry of entries) entry.resolve(entry.item);
  }, limits);
  /** Time enough for a batch to begin once another has ended. */
  const turn = async () => {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, batches, turn, release: () => held.shift()?.() };
}

test('what arrives in one turn travels together, what comes later joins no batch that has begun', async (t) => {
  const { queue, batches, turn, release } = heldQueue(wide);
  const first = [queue.add<number>(1), queue.add<number>(2)];
  await turn();
  const later = queue.add<number>(3);
  await turn();
  t.deepEqual(batches, [[1, 2]]);
  release();
  t.deepEqual(await Promise.all(first), [1, 2]);
  await turn();
  t.deepEqual(batches, [[1, 2], [3]]);
  release();
  t.is(await later, 3);
});

test('a batch is no larger than its bound, and lanes work side by side', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ batchMax: 2, waitingMax: 100, lanes: 2 });
  const all = [1, 2, 3, 4, 5].map((item) => queue.add<number>(item));
  await turn();
  t.deepEqual(batches, [
    [1, 2],
    [3, 4],
  ]);
  release();
  release();
  await all[3];
  await turn();
  t.deepEqual(batches[2], [5]);
  release();
  t.deepEqual(await Promise.all(all), [1, 2, 3, 4, 5]);
});

test('what is too much to wait is refused at once, and what waits is still answered', async (t) => {
  const { queue, turn, release } = heldQueue({ batchMax: 1, waitingMax: 2, lanes: 1 });
  const accepted = [queue.add<number>(1), queue.add<number>(2)];
  await t.throwsAsync(queue.add<number>(3), {
    name: 'StoreUnavailable',
    message: 'too many requests wait for the database',
  });
  for (const one of accepted) {
    await turn();
    release();
    await one;
  }
  t.pass();
});

test('work that fails rejects every item of its batch and no other', async (t) => {
  let batch = 0;
  const queue = new BatchQueue<number>(async (entries) => {
    batch += 1;
    if (batch === 1) throw new Error('it failed');
    for (const entry of entries) entry.resolve(entry.item);
  }, wide);
  const failed = await Promise.allSettled([queue.add<number>(1), queue.add<number>(2)]);
  t.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.is(await queue.add<number>(3), 3);
});

test('drained waits for what is under way', async (t) => {
  const { queue, turn, release } = heldQueue(wide);
  const one = queue.add<number>(1);
  await turn();
  let isDrained = false;
  const drained = queue.drained().then(() => {
    isDrained = true;
  });
  await turn();
  t.false(isDrained);
  release();
  await Promise.all([one, drained]);
  t.true(isDrained);
});
