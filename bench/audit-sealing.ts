// What sealing costs those who revoke: two servers, each on a database of its own, one sealing every second and
// the other never, measured in turn.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type MediansOf, ratios } from './lib/interleave.ts';
import { formPost, median } from './lib/load.ts';
import type { Row } from './lib/report.ts';
import { startOurs } from './lib/servers.ts';
import { type DatabaseKind, makeWorld } from './lib/world.ts';

const tokensPerSecondMax = 12_000;
/** A difference of a few percent needs many rounds to show. */
const roundsFactor = 3;

export async function sealing(kind: DatabaseKind, effort: Effort): Promise<Row[]> {
  const rounds = effort.rounds * roundsFactor;
  const tokens = tokensPerSecondMax * effort.seconds * (rounds + 1);
  const folder = mkdtempSync(join(tmpdir(), 'bench-keys-'));
  const subjects = [];
  for (const [name, seconds] of [
    ['sealing', '1'],
    ['not sealing', '0'],
  ] as const) {
    const world = await makeWorld(kind, { tokens, revocations: 10_000 });
    const server = await startOurs({
      ...world.env,
      PURGE_INTERVAL_SECONDS: '0',
      SEAL_INTERVAL_SECONDS: seconds,
      SEAL_KEY_FILE: join(folder, 'keys.json'),
    });
    const ask = (n: number) => ({
      bytes: formPost('/revoke', world.app, { token: tokenOf(n % tokens) }),
      expect: '"status":"revoked"',
    });
    subjects.push({ name, server, ask, world });
  }
  try {
    return rowsOf(kind, await interleave(subjects, { ...effort, rounds }));
  } finally {
    for (const { server, world } of subjects) {
      await server.stop();
      await world.remove();
    }
    rmSync(folder, { recursive: true });
  }
}

function rowsOf(kind: DatabaseKind, of: MediansOf): Row[] {
  const [on, off] = [of('sealing'), of('not sealing')];
  const row = (what: 'rate' | 'CPU', detail: string): Row => {
    const all = ratios(on, off, what);
    const [low, high] = [0.25, 0.75].map((share) =>
      (all[Math.floor(all.length * share)] as number).toFixed(2),
    );
    return {
      work: `durable revocation while sealing every second, ${kind}`,
      reference: 'the same without sealing',
      what,
      measured: median(all),
      detail: `${detail}; half of ${all.length} rounds from ${low} to ${high}`,
    };
  };
  const rates = `${on.rate.toFixed(0)}/s to ${off.rate.toFixed(0)}/s`;
  const p99s = `p99 ${on.p99Ms.toFixed(1)} to ${off.p99Ms.toFixed(1)} ms`;
  const times = `${on.cpuMicros.toFixed(0)} to ${off.cpuMicros.toFixed(0)} µs CPU a request`;
  return [{ ...row('rate', `${rates}, ${p99s}`), goal: 0.95 }, row('CPU', times)];
}
