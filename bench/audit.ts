// The audit trail at size: appending, sealing, verifying, queries by user, exports; what an export costs those
// who introspect meanwhile, and what sealing costs those who revoke.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storedEvents, storedSeals } from '../src/cli/read-trail.ts';
import type { Store } from '../src/domain/store.ts';
import { sealEvents } from '../src/domain/trail/seal-events.ts';
import { sealReader } from '../src/domain/trail/seals.ts';
import { verifyTrail } from '../src/domain/trail/verify-trail.ts';
import { openStore } from '../src/store/open.ts';
import { SealKeys } from '../src/upkeep/seal-keys.ts';
import { exporting } from './audit-export.ts';
import { sealing } from './audit-sealing.ts';
import { appendLogouts, users } from './lib/events.ts';
import type { Effort } from './lib/interleave.ts';
import { progress } from './lib/progress.ts';
import type { Row } from './lib/report.ts';
import { type DatabaseKind, makeWorld, publicUrl } from './lib/world.ts';

const queries = 1000;
const tokens = 10_000;

export async function audit(kind: DatabaseKind, events: number, effort: Effort): Promise<Row[]> {
  const world = await makeWorld(kind, { tokens, revocations: 0 });
  const folder = mkdtempSync(join(tmpdir(), 'bench-keys-'));
  const store = openStore(world.databaseUrl);
  const rows: Row[] = [];
  try {
    const keys = new SealKeys(join(folder, 'keys.json'));
    await keys.rotate();
    const work = (what: string) => `audit trail, ${kind}, ${events} events: ${what}`;
    const perEvent = async (what: string, run: () => Promise<unknown>): Promise<Row> => {
      const began = performance.now();
      const cpuBefore = cpuMicros();
      await run();
      const cpu = (cpuMicros() - cpuBefore) / events;
      const seconds = (performance.now() - began) / 1000;
      const detail = `${cpu.toFixed(1)} µs CPU; ${(events / seconds).toFixed(0)}/s, ${seconds.toFixed(1)} s in all`;
      const measured = (seconds * 1e6) / events;
      return { work: work(what), reference: 'one event', what: 'figure', measured, unit: 'µs', detail };
    };
    rows.push(await perEvent('append', () => appendLogouts(world.databaseUrl, events)));
    rows.push(await perEvent('seal', () => sealAll(store, keys)));
    rows.push(await perEvent('verify', () => verifyAll(store, keys)));
    rows.push(...(await queryByUser(store, work('query by user, first page of 100'))));
    rows.push(...(await exporting(world, store, { work, tokens }, effort)));
  } finally {
    await store.close();
    await world.remove();
    rmSync(folder, { recursive: true });
  }
  return [...rows, ...(await sealing(kind, effort))];
}

async function sealAll(store: Store, keys: SealKeys): Promise<void> {
  const head = await store.findEventHead();
  const onProgress = (sealed: number) => progress('sealing', sealed, head);
  await sealEvents(store, { issuer: publicUrl, key: keys.signingKey(), now: Date.now, onProgress });
}

async function verifyAll(store: Store, keys: SealKeys): Promise<void> {
  const head = await store.findEventHead();
  const { finding } = await verifyTrail({
    events: storedEvents(store),
    seals: await storedSeals(store),
    kept: [],
    readSeal: sealReader(keys.publicKeys()),
    onProgress: (checked) => progress('verifying', checked, head),
  });
  if (finding) throw new Error(JSON.stringify(finding));
}

/** Each query is for another user, so that none of its pages was read before. */
async function queryByUser(store: Store, work: string): Promise<Row[]> {
  const through = await store.findEventHead();
  const times: number[] = [];
  const cpuBefore = cpuMicros();
  for (let n = 0; n < queries; n++) {
    const userId = `user-${(n * 6_151) % users}`;
    const began = performance.now();
    const found = await store.listEvents({ userId, through }, through + 1, 101);
    times.push(performance.now() - began);
    if (found.some((event) => event.userId !== userId)) throw new Error('an event of someone else was found');
  }
  const cpu = (cpuMicros() - cpuBefore) / queries / 1000;
  times.sort((one, other) => one - other);
  const row = (name: string, share: number): Row => ({
    ...{ work: `${work}, ${name}`, reference: 'one query', what: 'figure', unit: 'ms' },
    measured: times[Math.floor(queries * share)] as number,
    detail: `${cpu.toFixed(2)} ms CPU; ${queries} queries, each for another of ${users} users`,
  });
  return [row('p50', 0.5), row('p99', 0.99)];
}

/** CPU time of this process so far, including the database's if it runs in this process. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
