// Revoking everything of a user who has ten, ten thousand or a million tokens takes the same time: one row is
// written, and none is looked for. Interleaved in one run, over HTTP, against the server as it is shipped:
// `npm run bench:revoke-all`. `--quick` takes a hundredth of the tokens.
import { parseArgs } from 'node:util';
import { digestOf } from '../src/domain/claims.ts';
import { dialectOf } from '../src/store/dialect.ts';
import { insertTokens } from '../src/store/tables/tokens.ts';
import { benchToken } from './lib/fill.ts';
import { median } from './lib/load.ts';
import { startOurs } from './lib/servers.ts';
import { makeWorld, publicUrl } from './lib/world.ts';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } },
});
const counts = values.quick ? [10, 1_000, 10_000] : [10, 10_000, 1_000_000];
const rounds = Number(values.rounds ?? 400);
const step = 10_000;

for (const kind of ['sqlite', 'postgres'] as const) {
  const world = await makeWorld(kind, { tokens: 0, revocations: 1_000 });
  await fill(world.databaseUrl);
  const server = await startOurs(world.env);
  const times = await measureRounds(server.port, world.operator);
  const base = median(times[0] as number[]);
  console.log(`\n${kind}: POST /v1/revocations of a user, median of ${rounds} interleaved rounds\n`);
  console.log('| tokens of the user | ms | ratio |\n|---|---|---|');
  for (const [n, count] of counts.entries()) {
    const ms = median(times[n] as number[]);
    console.log(`| ${count} | ${ms.toFixed(3)} | ${(ms / base).toFixed(3)} |`);
  }
  await server.stop();
  await world.remove();
}

async function fill(databaseUrl: string): Promise<void> {
  const db = dialectOf(databaseUrl).openWriter();
  const now = Date.now();
  for (const count of counts) {
    for (let from = 0; from < count; from += step) {
      const tokens = Array.from({ length: Math.min(step, count - from) }, (_, n) => {
        const digest = digestOf(`user ${count} token ${from + n}`);
        return {
          ...benchToken(from + n, publicUrl, now),
          digest,
          targetDigest: digest,
          subject: `user-of-${count}`,
        };
      });
      await db.transaction((tx) => insertTokens(tx, tokens));
      process.stderr.write(`\rfilling: ${from + tokens.length} of ${count}   `);
    }
  }
  process.stderr.write('\n');
  await db.destroy();
}

/** Milliseconds of each call, by user. The order turns from round to round. */
async function measureRounds(port: number, authorization: string): Promise<number[][]> {
  const times: number[][] = counts.map(() => []);
  for (let round = 0; round < rounds + 20; round++) {
    for (let turn = 0; turn < counts.length; turn++) {
      const user = (round + turn) % counts.length;
      const began = performance.now();
      const answer = await fetch(`http://127.0.0.1:${port}/v1/revocations`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({
          target: { kind: 'subject', sub: `user-of-${counts[user]}` },
          reason: 'policy',
        }),
      });
      const { status } = (await answer.json()) as { status: string };
      if (status !== 'revoked') throw new Error(`a revocation was answered ${answer.status}`);
      // The first rounds warm up.
      if (round >= 20) (times[user] as number[]).push(performance.now() - began);
    }
  }
  return times;
}
