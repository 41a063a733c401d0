// What stays of a worker's counts when it has ended: what never goes down, and nothing of how it stood.
import type { Worker } from 'node:cluster';
import test from 'ava';
import type { Counts } from '../../src/http/ops/metrics.ts';
import { CountBook } from '../../src/workers/count-book.ts';
import type { ToWorker } from '../../src/workers/messages.ts';

/** As they come in messages, where types are words. */
function countsOf(value: number): Counts {
  const of = (type: string) => ({
    name: type,
    help: type,
    type,
    aggregator: 'sum',
    values: [{ labels: {}, value }],
  });
  return [of('counter'), of('gauge')] as unknown as Counts;
}

function workerOf(id: number, heard: ToWorker[] = []): Worker {
  return { id, isDead: () => false, send: (message: ToWorker) => heard.push(message) } as unknown as Worker;
}

test('of a worker that has ended its counters stay in the sum, its gauges do not', async (t) => {
  const book = new CountBook();
  const heard: ToWorker[] = [];
  for (const [id, value] of [
    [1, 5],
    [2, 7],
  ] as const) {
    const worker = workerOf(id);
    book.receive(worker, 0, countsOf(value));
    book.close(worker);
  }
  await book.answer(workerOf(3, heard), 9, countsOf(1), []);
  const [answer] = heard;
  if (answer?.kind !== 'collected') throw new Error('it has no answer');
  const others = answer.others.flat().map(({ name, values }) => [name, values[0]?.value]);
  t.deepEqual(others, [['counter', 12]]);
});
