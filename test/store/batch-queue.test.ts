// The queue behind questions and decisions: what joins a batch, who goes first, and what happens when too
// much waits.
import test from 'ava';
import fc from 'fast-check';
import { type WaitingLine, waitingLines } from '../../src/domain/store.ts';
import { BatchQueue, type QueueEntry, type QueueLimits } from '../../src/store/batch-queue.ts';
import { eventually } from '../helpers/eventually.ts';

const waitMsMax = 60_000;
const wide = { batchMax: 100, waitingMax: of(100), lanes: 1, waitMsMax };

function of(waitingMax: number): QueueLimits['waitingMax'] {
  return { vouched: waitingMax, bulk: waitingMax, unvouched: waitingMax };
}

/** A queue whose batches are held back until `release` is called, and the batches that it began. */
function heldQueue(limits: QueueLimits, now?: () => number) {
  const batches: number[][] = [];
  const held: (() => void)[] = [];
  const queue = new BatchQueue<number>(
    async (entries: readonly QueueEntry<number>[]) => {
      batches.push(entries.map(({ item }) => item));
      await new Promise<void>((resolve) => held.push(resolve));
      for (const entry of entries) entry.resolve(entry.item);
    },
    limits,
    now,
  );
  /** Time enough for a batch to begin once another has ended. */
  const turn = async () => {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, batches, turn, release: () => held.shift()?.() };
}

test('what arrives in one turn travels together, what comes later joins no batch that has begun', async (t) => {
  const { queue, batches, turn, release } = heldQueue(wide);
  const first = [queue.add<number>(1, 'vouched'), queue.add<number>(2, 'vouched')];
  await turn();
  const later = queue.add<number>(3, 'vouched');
  await turn();
  t.deepEqual(batches, [[1, 2]]);
  release();
  t.deepEqual(await Promise.all(first), [1, 2]);
  await turn();
  t.deepEqual(batches, [[1, 2], [3]]);
  release();
  t.is(await later, 3);
});

test('a batch waits for half as many as there were in the last one', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ ...wide, gatherMs: 60_000 });
  const add = (...items: number[]) => Promise.all(items.map((item) => queue.add<number>(item, 'vouched')));
  const first = add(1, 2, 3, 4);
  await turn();
  release();
  await first;
  const second = add(5);
  await turn();
  t.deepEqual(batches, [[1, 2, 3, 4]], 'one is not half of four');
  const third = add(6);
  await turn();
  t.deepEqual(batches.at(-1), [5, 6], 'two are');
  release();
  await Promise.all([second, third]);
  const last = add(7);
  await turn();
  t.deepEqual(batches.at(-1), [7], 'one is half of two');
  release();
  await last;
});

test('it does not wait for long', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ ...wide, gatherMs: 20 });
  const many = Promise.all([1, 2, 3, 4, 5, 6].map((item) => queue.add<number>(item, 'vouched')));
  await turn();
  release();
  await many;
  const alone = queue.add<number>(7, 'vouched');
  t.deepEqual(await eventually(() => batches[1]), [7], 'nobody else came');
  release();
  t.is(await alone, 7);
});

test('what one batch cannot take begins in the same turn, as far as there are lanes', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ ...wide, batchMax: 2, lanes: 2 });
  const all = [1, 2, 3, 4, 5].map((item) => queue.add<number>(item, 'vouched'));
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(batches, [
    [1, 2],
    [3, 4],
  ]);
  for (let n = 0; n < 3; n++, await turn()) release();
  t.deepEqual(await Promise.all(all), [1, 2, 3, 4, 5]);
});

test('a batch is no larger than its bound, and lanes work side by side', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ ...wide, batchMax: 2, lanes: 2 });
  const all = [1, 2, 3, 4, 5].map((item) => queue.add<number>(item, 'vouched'));
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

test('each line has its own length: a full one refuses at once, and no other with it', async (t) => {
  const { queue, turn, release } = heldQueue({
    batchMax: 1,
    waitingMax: { vouched: 2, bulk: 1, unvouched: 0 },
    waitMsMax,
    lanes: 1,
  });
  const accepted = [queue.add<number>(1, 'vouched'), queue.add<number>(2, 'vouched')];
  await t.throwsAsync(queue.add<number>(3, 'vouched'), {
    name: 'StoreOverloaded',
    message: 'too many requests wait, at most 2 may; try again',
  });
  accepted.push(queue.add<number>(4, 'bulk'));
  await t.throwsAsync(queue.add<number>(5, 'bulk'), {
    name: 'StoreOverloaded',
    message: 'too many introspections and registrations wait, at most 1 may; try again',
  });
  await t.throwsAsync(queue.add<number>(6, 'unvouched'), {
    name: 'StoreOverloaded',
    message: 'too many requests without client authentication wait, at most 0 may; try again',
  });
  for (let n = 0; n < accepted.length; n++) {
    await turn();
    release();
  }
  t.deepEqual(await Promise.all(accepted), [1, 2, 4]);
});

test('the lines go in their order, but for one place in ten that each later line has to itself', async (t) => {
  const { queue, batches, turn, release } = heldQueue({ ...wide, batchMax: 20 });
  const hundreds: Record<WaitingLine, number> = { unvouched: 200, bulk: 100, vouched: 0 };
  const all = (Object.keys(hundreds) as WaitingLine[]).flatMap((line) =>
    Array.from({ length: 30 }, (_, n) => queue.add<number>(hundreds[line] + n, line)),
  );
  const shares = [];
  while (shares.length < 5) {
    await turn();
    const batch = batches.at(-1) ?? [];
    shares.push(waitingLines.map((line) => batch.filter((n) => n - (n % 100) === hundreds[line]).length));
    release();
  }
  t.deepEqual(shares, [
    [16, 2, 2],
    [14, 4, 2],
    [0, 18, 2],
    [0, 6, 14],
    [0, 0, 10],
  ]);
  t.deepEqual(
    batches.flat().toSorted((one, other) => one - other),
    (await Promise.all(all)).toSorted((one, other) => one - other),
  );
});

test('work that fails rejects every item of its batch and no other', async (t) => {
  let batch = 0;
  const queue = new BatchQueue<number>(async (entries) => {
    batch += 1;
    if (batch === 1) throw new Error('it failed');
    for (const entry of entries) entry.resolve(entry.item);
  }, wide);
  const failed = await Promise.allSettled([queue.add<number>(1, 'vouched'), queue.add<number>(2, 'vouched')]);
  t.deepEqual(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.is(await queue.add<number>(3, 'vouched'), 3);
});

test('answers that a batch leaves for later are given when the next batch has begun, or when none waits', async (t) => {
  const order: string[] = [];
  const queue = new BatchQueue<number>(
    async (entries) => {
      order.push(`begins ${entries.map(({ item }) => item)}`);
      await new Promise((resolve) => setImmediate(resolve));
      return () => {
        for (const entry of entries) entry.resolve(entry.item);
      };
    },
    { ...wide, batchMax: 2 },
  );
  const told = [1, 2, 3].map((item) =>
    queue.add<number>(item, 'vouched').then((outcome) => order.push(`tells ${outcome}`)),
  );
  await queue.drained();
  t.deepEqual(order, ['begins 1,2', 'begins 3', 'tells 1', 'tells 2', 'tells 3']);
  await Promise.all(told);
});

test('drained waits for what is under way', async (t) => {
  const { queue, turn, release } = heldQueue(wide);
  const one = queue.add<number>(1, 'vouched');
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

/** What a history of arrivals and ends of batches comes to, and what is wrong with it. */
async function play(limits: QueueLimits, steps: readonly (WaitingLine | 'end')[]): Promise<string[]> {
  const problems: string[] = [];
  const waiting: Record<WaitingLine, number[]> = { vouched: [], bulk: [], unvouched: [] };
  /** Places given out since a line was last served, or began to wait. */
  const passedOver: Record<WaitingLine, number> = { vouched: 0, bulk: 0, unvouched: 0 };
  const ends: (() => void)[] = [];
  const queue = new BatchQueue<{ n: number; line: WaitingLine }>(async (entries) => {
    for (const line of waitingLines) {
      const served = entries.filter(({ item }) => item.line === line).map(({ item }) => item.n);
      const due = waiting[line].splice(0, served.length);
      if (served.join() !== due.join()) problems.push(`${line}: ${served} were served, ${due} were due`);
      const rank = waitingLines.indexOf(line);
      const doEarlierWait = waitingLines.slice(0, rank).some((earlier) => waiting[earlier].length > 0);
      const share = Math.ceil(entries.length / 10);
      if (doEarlierWait && served.length > share) problems.push(`${line}: ${served.length} of ${share}`);
      passedOver[line] =
        served.length > 0 || due.length + waiting[line].length === 0 ? 0 : passedOver[line] + entries.length;
      if (rank > 0 && passedOver[line] >= 10 + limits.batchMax) problems.push(`${line} starves`);
    }
    if (entries.length > limits.batchMax) problems.push(`a batch of ${entries.length}`);
    await new Promise<void>((resolve) => ends.push(resolve));
    for (const entry of entries) entry.resolve(entry.item.n);
  }, limits);
  const turn = async () => {
    for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  const settled: Promise<void>[] = [];
  for (const [n, step] of steps.entries()) {
    if (step === 'end') {
      ends.shift()?.();
      await turn();
      continue;
    }
    const isFull = waiting[step].length >= limits.waitingMax[step];
    if (!isFull) waiting[step].push(n);
    const check = (outcome: unknown) => {
      const expected = isFull ? 'StoreOverloaded' : n;
      if (outcome !== expected) problems.push(`${n} came to ${outcome} instead of ${expected}`);
    };
    settled.push(queue.add<number>({ n, line: step }, step).then(check, (error) => check(error.name)));
  }
  do await turn();
  while (ends.splice(0).map((end) => end()).length > 0);
  await Promise.all(settled);
  await queue.drained();
  return problems;
}

test('of any arrivals each is settled once and in its turn; no line takes more than its share, and none starves', async (t) => {
  const waitingMax = fc.record({ vouched: fc.nat(60), bulk: fc.nat(60), unvouched: fc.nat(60) });
  const limits = fc.record({
    batchMax: fc.integer({ min: 1, max: 25 }),
    waitingMax,
    lanes: fc.integer({ min: 1, max: 3 }),
    waitMsMax: fc.constant(waitMsMax),
  });
  const burst = fc.tuple(
    fc.constantFrom<WaitingLine | 'end'>(...waitingLines, 'end'),
    fc.integer({ min: 1, max: 25 }),
  );
  const steps = fc
    .array(burst, { maxLength: 30 })
    .map((bursts) => bursts.flatMap(([step, times]) => Array.from({ length: times }, () => step)));
  const isSound = fc.asyncProperty(limits, steps, async (given, history) => {
    const problems = await play(given, history);
    if (problems.length > 0) throw new Error(problems.join('; '));
  });
  await t.notThrowsAsync(fc.assert(isSound, { numRuns: 200 }));
});

test('what has waited for too long is refused when its turn comes, and what came later is not', async (t) => {
  let now = 0;
  const { queue, batches, turn, release } = heldQueue({ ...wide, waitMsMax: 1_000 }, () => now);
  const first = queue.add<number>(1, 'vouched');
  await turn();
  const late = queue.add<number>(2, 'bulk');
  now = 1;
  const next = queue.add<number>(3, 'vouched');
  now = 1_001;
  release();
  t.is(await first, 1);
  await t.throwsAsync(late, {
    name: 'StoreOverloaded',
    message: 'the request waited for over 1 seconds; try again',
  });
  await turn();
  release();
  t.is(await next, 3);
  t.deepEqual(batches, [[1], [3]]);
});
