// How writers affect introspection: its p99 at a steady load of its own, alone, beside revocations at half of what
// the server can take, and while the server purges.
import { digestOf } from '../src/domain/claims.ts';
import { type Dialect, dialectOf } from '../src/store/dialect.ts';
import { insertTokens } from '../src/store/tables/tokens.ts';
import { benchToken, spread, tokenOf } from './lib/fill.ts';
import type { Effort } from './lib/interleave.ts';
import { type Ask, formPost, type Measured, measure, median } from './lib/load.ts';
import type { Row } from './lib/report.ts';
import { type RunningProcess, startOurs } from './lib/servers.ts';
import { type DatabaseKind, makeWorld, publicUrl, type World } from './lib/world.ts';

const connections = 50;
const introspected = 20_000;
const tokensPerSecondMax = 12_000;
const purgeIntervalSeconds = 1;
const step = 10_000;
const hourMs = 3_600_000;

/** `expired` rows are purged over all rounds. */
export async function mixed(kind: DatabaseKind, expired: number, effort: Effort): Promise<Row[]> {
  const tokens = introspected + tokensPerSecondMax * effort.seconds * (effort.rounds + 2);
  const world = await makeWorld(kind, { tokens, revocations: 10_000 });
  try {
    const loads = loadsOf(world);
    return [
      await besideRevocations(kind, world, loads, effort),
      await besidePurge(kind, world, loads, expired, effort),
    ];
  } finally {
    await world.remove();
  }
}

interface Loads {
  readonly introspect: (n: number) => Ask;
  /** Revokes another token each time it is called. */
  readonly revoke: () => Ask;
}

function loadsOf(world: World): Loads {
  let revoked = introspected;
  return {
    introspect: (n) => ({
      bytes: formPost('/introspect', world.api, { token: tokenOf(spread(n, introspected)) }),
      expect: '"active":true',
    }),
    revoke: () => ({
      bytes: formPost('/revoke', world.app, { token: tokenOf(revoked++) }),
      expect: '"status":"revoked"',
    }),
  };
}

async function besideRevocations(
  kind: DatabaseKind,
  world: World,
  loads: Loads,
  effort: Effort,
): Promise<Row> {
  const server = await start(world, 0);
  const { seconds } = effort;
  try {
    const pace = await paceOf(server, loads, seconds);
    const capacity = (await measure({ ...server, connections, seconds, ask: loads.revoke })).rate;
    const introspect = () => measure({ ...server, connections, seconds, ask: loads.introspect, rate: pace });
    const revoke = () => measure({ ...server, connections, seconds, ask: loads.revoke, rate: capacity / 2 });
    const alone: Measured[] = [];
    const beside: Measured[] = [];
    const revocations: Measured[] = [];
    for (let round = 1; round <= effort.rounds; round++) {
      alone.push(await introspect());
      const [one, other] = await Promise.all([introspect(), revoke()]);
      beside.push(one);
      revocations.push(other);
    }
    const rate = median(revocations.map((one) => one.rate)).toFixed(0);
    return rowOf(kind, `beside ${rate} revocations/s`, pace, alone, beside, 2);
  } finally {
    await server.stop();
  }
}

async function besidePurge(
  kind: DatabaseKind,
  world: World,
  loads: Loads,
  expired: number,
  { rounds, seconds }: Effort,
): Promise<Row> {
  const dialect = dialectOf(world.databaseUrl);
  const server = await start(world, purgeIntervalSeconds);
  try {
    const pace = await paceOf(server, loads, seconds);
    const introspect = () => measure({ ...server, connections, seconds, ask: loads.introspect, rate: pace });
    const alone: Measured[] = [];
    const beside: Measured[] = [];
    for (let round = 1; round <= rounds; round++) {
      alone.push(await introspect());
      // While we hold its lock, the server purges nothing.
      await until(dialect, false, () => insertExpired(dialect, round, Math.ceil(expired / rounds)));
      await until(dialect, true);
      beside.push(await introspect());
      if (!(await isPurging(dialect))) process.stderr.write('  the purge ended before the measuring did\n');
      await until(dialect, false);
    }
    return rowOf(kind, `while ${expired} rows are purged`, pace, alone, beside, 1.2);
  } finally {
    await server.stop();
  }
}

function start(world: World, purgeSeconds: number): Promise<RunningProcess> {
  return startOurs({ ...world.env, PURGE_INTERVAL_SECONDS: String(purgeSeconds) });
}

/** A quarter of what the server can take; finding that out warms it up. */
async function paceOf(server: RunningProcess, loads: Loads, seconds: number): Promise<number> {
  await measure({ ...server, connections, seconds, ask: loads.introspect });
  return (await measure({ ...server, connections, seconds, ask: loads.introspect })).rate / 4;
}

async function isPurging(dialect: Dialect): Promise<boolean> {
  return (await dialect.withTaskLock('purge', async () => 'ours')) === undefined;
}

/** Waits until the server purges or, with `work` done before it may again, does not. */
async function until(dialect: Dialect, purging: boolean, work = async () => {}): Promise<void> {
  for (;;) {
    const done = purging
      ? (await isPurging(dialect)) || undefined
      : await dialect.withTaskLock('purge', () => work().then(() => true));
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function insertExpired(dialect: Dialect, round: number, count: number): Promise<void> {
  const db = dialect.openWriter();
  const now = Date.now();
  for (let from = 0; from < count; from += step) {
    const tokens = Array.from({ length: Math.min(step, count - from) }, (_, n) => {
      const digest = digestOf(`expired token ${round} ${from + n}`);
      const token = benchToken(from + n, publicUrl, now - 3 * hourMs);
      return { ...token, digest, targetDigest: digest, expiresAt: now - 2 * hourMs };
    });
    await db.transaction((tx) => insertTokens(tx, tokens));
  }
  await db.destroy();
}

function rowOf(
  kind: DatabaseKind,
  work: string,
  pace: number,
  alone: readonly Measured[],
  beside: readonly Measured[],
  goal: number,
): Row {
  const [one, other] = [alone, beside].map((all) => median(all.map(({ p99Ms }) => p99Ms))) as [
    number,
    number,
  ];
  return {
    work: `introspection, ${kind}, ${work}`,
    reference: 'alone',
    what: 'p99',
    goal,
    measured: other / one,
    detail: `${pace.toFixed(0)}/s, p99 ${other.toFixed(1)} ms against ${one.toFixed(1)} ms`,
  };
}
