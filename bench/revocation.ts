// Durable revocation of distinct tokens on 50 connections: commits shared by concurrent requests, beside one
// commit for each.

import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type Medians } from './lib/interleave.ts';
import { type Ask, formPost } from './lib/load.ts';
import type { Row } from './lib/report.ts';
import { startOurs } from './lib/servers.ts';
import { makeWorld, publicUrl } from './lib/world.ts';

const tokensPerSecondMax = 12_000;

export async function revocation(kind: 'sqlite' | 'postgres', effort: Effort): Promise<Row[]> {
  const tokens = 2 * tokensPerSecondMax * effort.seconds * (effort.rounds + 1);
  const world = await makeWorld(kind, { tokens, revocations: 10_000 });
  const env = { DATABASE_URL: world.databaseUrl, PUBLIC_URL: publicUrl };
  const ours = await startOurs(env);
  const ask = (n: number): Ask => ({
    bytes: formPost('/revoke', world.app, { token: tokenOf(n % tokens) }),
    expect: '"status":"revoked"',
  });
  try {
    // One connection waits for its commit before it asks again: one commit per request.
    const medians = await interleave(
      [
        { name: 'shared commits', server: ours, ask },
        { name: 'one commit each', server: ours, ask: (n) => ask(tokens - 1 - n), connections: 1 },
      ],
      effort,
    );
    const [shared, single] = ['shared commits', 'one commit each'].map(
      (name) => medians.get(name) as Medians,
    );
    if (!shared || !single) return [];
    const detail = `${shared.rate.toFixed(0)}/s against ${single.rate.toFixed(0)}/s, p99 ${shared.p99Ms.toFixed(1)} ms`;
    const work = `durable revocation, ${kind}, 50 connections`;
    return [
      {
        work,
        reference: 'one commit each',
        what: 'rate',
        goal: 4,
        measured: shared.rate / single.rate,
        detail,
      },
    ];
  } finally {
    await ours.stop();
    await world.remove();
  }
}
