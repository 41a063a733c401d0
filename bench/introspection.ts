// Introspection with the full verdict, beside a Koa that reads the same form and answers a fixed JSON (K).

import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type Medians } from './lib/interleave.ts';
import { type Ask, formPost } from './lib/load.ts';
import type { Row } from './lib/report.ts';
import { startOurs, startReference } from './lib/servers.ts';
import { makeWorld, publicUrl, type Size } from './lib/world.ts';

const workingSetSize = 100_000;

export async function introspection(kind: 'sqlite' | 'postgres', size: Size, effort: Effort): Promise<Row[]> {
  const world = await makeWorld(kind, size);
  const ours = await startOurs({ DATABASE_URL: world.databaseUrl, PUBLIC_URL: publicUrl });
  const k = await startReference('k');
  const ask = (token: string, expect: string): Ask => ({
    bytes: formPost('/introspect', world.api, { token }),
    expect,
  });
  const workingSet = Math.min(workingSetSize, size.tokens);
  const live = (n: number) => ask(tokenOf(spread(n, workingSet)), '"active":true');
  try {
    const medians = await interleave(
      [
        { name: 'K', server: k, ask: live },
        { name: 'working set', server: ours, ask: live },
        {
          name: 'all tokens',
          server: ours,
          ask: (n) => ask(tokenOf(spread(n, size.tokens)), '"active":true'),
        },
        { name: 'unknown', server: ours, ask: (n) => ask(`at_${n}`.padEnd(43, 'u'), '{"active":false}') },
      ],
      effort,
    );
    return rowsOf(kind, size, medians);
  } finally {
    await Promise.all([ours.stop(), k.stop()]);
    await world.remove();
  }
}

/** Spreads consecutive numbers over a range, each time the same. */
function spread(n: number, range: number): number {
  return (n * 7_919) % range;
}

function rowsOf(kind: 'sqlite' | 'postgres', size: Size, medians: ReadonlyMap<string, Medians>): Row[] {
  const of = (name: string) => medians.get(name) as Medians;
  const row = (name: string, reference: string, what: Row['what'], goal: number): Row => {
    const [one, other] = [of(name), of(reference)];
    const measured = what === 'rate' ? one.rate / other.rate : one.cpuMicros / other.cpuMicros;
    const detail = `${one.rate.toFixed(0)}/s, ${one.cpuMicros.toFixed(0)} µs CPU, p99 ${one.p99Ms.toFixed(1)} ms`;
    const work = `introspection, ${kind}, ${size.tokens} tokens, ${name}`;
    return { work, reference, what, goal, measured, detail };
  };
  if (kind === 'postgres') return [row('working set', 'K', 'rate', 0.9), row('all tokens', 'K', 'rate', 0.9)];
  return [
    row('working set', 'K', 'rate', 1.1),
    row('working set', 'K', 'CPU', 1 / 1.1),
    row('all tokens', 'K', 'rate', 0.8),
    row('all tokens', 'K', 'CPU', 1 / 0.8),
    row('unknown', 'working set', 'CPU', 0.9),
  ];
}
