// The same server with ten thousand and with ten million registered tokens, each with a million revocations
// in the log: CPU, p99 and memory.
import { spread, tokenOf } from './lib/fill.ts';
import { type Effort, interleave, ratio } from './lib/interleave.ts';
import { type Ask, formPost, measure, memoryOf } from './lib/load.ts';
import { say } from './lib/progress.ts';
import { figuresOf, type Row } from './lib/report.ts';
import { type RunningProcess, startOurs } from './lib/servers.ts';
import { makeWorld, type World } from './lib/world.ts';

const smallTokens = 10_000;
const memoryMiBMax = 150;
const fillMemoryRequests = 200_000;

export async function scale(tokens: number, revocations: number, effort: Effort): Promise<Row[]> {
  const empty = await started({ tokens: 0, revocations: 0 });
  const small = await started({ tokens: smallTokens, revocations });
  const large = await started({ tokens, revocations });
  const all = [empty, small, large];
  try {
    const of = await interleave(
      [
        {
          name: 'small',
          server: small.server,
          ask: asker(small.world, smallTokens),
          warmUp: 2 * smallTokens,
        },
        {
          name: 'large, same tokens',
          server: large.server,
          ask: asker(large.world, smallTokens),
          warmUp: 2 * smallTokens,
        },
        { name: 'large, any token', server: large.server, ask: asker(large.world, tokens) },
      ],
      effort,
    );
    const sizes = `${tokens.toLocaleString('en')} tokens, ${revocations.toLocaleString('en')} revocations, sqlite`;
    const row = (which: string, name: string, what: 'CPU' | 'p99', goal: number): Row => ({
      work: `introspection, ${which} of ${sizes}`,
      reference: `the same with ${smallTokens.toLocaleString('en')} tokens`,
      what,
      goal,
      measured: ratio(of(name), of('small'), what),
      detail: figuresOf(what, of(name), of('small')),
    });
    return [
      row('the first 10,000', 'large, same tokens', 'CPU', 1.25),
      row('the first 10,000', 'large, same tokens', 'p99', 1.5),
      row('any', 'large, any token', 'CPU', 1.25),
      row('any', 'large, any token', 'p99', 1.5),
      await memoryRow(empty, large, tokens, sizes),
    ];
  } finally {
    for (const { server, world } of all) {
      await server.stop();
      await world.remove();
    }
  }
}

interface Started {
  readonly world: World;
  readonly server: RunningProcess;
}

async function started(size: { tokens: number; revocations: number }): Promise<Started> {
  const world = await makeWorld('sqlite', size);
  const server = await startOurs(world.env);
  return { world, server };
}

function asker({ api }: World, range: number): (n: number) => Ask {
  return (n) => ({
    bytes: formPost('/introspect', api, { token: tokenOf(spread(n, range)) }),
    expect: '"active":true',
  });
}

/** After both have answered as many requests: the one for tokens nobody knows, the other for any of its own. */
async function memoryRow(empty: Started, large: Started, tokens: number, sizes: string): Promise<Row> {
  const load = { connections: 50, seconds: 120, requestsMax: fillMemoryRequests };
  say('  memory: as many requests to the empty server, and to any token of the full one');
  const unknown = (n: number): Ask => ({
    bytes: formPost('/introspect', empty.world.api, { token: `at_${n}`.padEnd(43, 'u') }),
    expect: '{"active":false}',
  });
  await measure({ ...empty.server, ...load, ask: unknown });
  await measure({ ...large.server, ...load, ask: asker(large.world, tokens) });
  const [before, after] = [memoryOf(empty.server.pid, 'VmRSS'), memoryOf(large.server.pid, 'VmRSS')];
  return {
    work: `memory with ${sizes}`,
    reference: 'an empty server after as many requests',
    what: 'memory',
    goal: memoryMiBMax,
    measured: after - before,
    unit: 'MiB',
    detail: `RSS ${after.toFixed(0)} MiB to ${before.toFixed(0)} MiB`,
  };
}
