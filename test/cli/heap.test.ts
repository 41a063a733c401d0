// What the command line of Node says of the heap is meant for the main thread alone.
import test from 'ava';
import { run } from '../helpers/run.ts';

/** The most, in MiB, that the young generation of a thread takes up which asks for 3 MiB and makes much garbage. */
const measure = `
  import { Worker } from 'node:worker_threads';
  import { manageHeap } from './dist/src/cli/heap.js';
  const work = () => {
    const { getHeapSpaceStatistics } = require('node:v8');
    const youngMiB = () => getHeapSpaceStatistics().find((one) => one.space_name === 'new_space').space_size / 2 ** 20;
    const kept = [];
    let most = 0;
    for (let n = 0; n < 2e6; n++) {
      kept[n % 20_000] = { n, list: [n] };
      if (n % 10_000 === 0) most = Math.max(most, youngMiB());
    }
    console.log(most);
  };
  manageHeap();
  new Worker(\`(\${work})()\`, { eval: true, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 3 } });
`;

test('what the main thread needs for its youngest objects is not given to each of its threads', async (t) => {
  const args = ['--max-semi-space-size=32', '--input-type=module', '-e', measure];
  const { code, stdout, stderr } = await run(process.execPath, args, {});
  t.deepEqual([code, stderr], [0, '']);
  t.true(Number(stdout) > 0 && Number(stdout) <= 3, stdout);
});
