// The audit trail at size: queries by user, export and its memory, sealing, verifying; and what sealing costs
// those who revoke, beside a server that does not seal.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventOf, type NewEvent, systemOrigin } from '../src/domain/audit.ts';
import { createClient, plainClient } from '../src/domain/manage-clients.ts';
import { sealEvents } from '../src/domain/seal-events.ts';
import { sealReader } from '../src/domain/seals.ts';
import type { Store } from '../src/domain/store.ts';
import { verifyTrail } from '../src/domain/verify-trail.ts';
import { appendEvents } from '../src/store/audit-events.ts';
import { dialectOf } from '../src/store/dialect.ts';
import { openStore } from '../src/store/open.ts';
import { storedEvents, storedSeals } from '../src/upkeep/read-trail.ts';
import { SealKeys } from '../src/upkeep/seal-keys.ts';
import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type Medians } from './lib/interleave.ts';
import { basic, formPost, median } from './lib/load.ts';
import type { Row } from './lib/report.ts';
import { startOurs } from './lib/servers.ts';
import { makeWorld, publicUrl, type World } from './lib/world.ts';

type Kind = 'sqlite' | 'postgres';

const queries = 1000;
const users = 20_000;
const step = 10_000;
const tokensPerSecondMax = 12_000;

export async function audit(kind: Kind, events: number, effort: Effort): Promise<Row[]> {
  await figures(kind, events);
  return [await sealingBesideNone(kind, effort)];
}

async function figures(kind: Kind, events: number): Promise<void> {
  const world = await makeWorld(kind, { tokens: 0, revocations: 0 });
  const folder = mkdtempSync(join(tmpdir(), 'bench-keys-'));
  const store = openStore(world.databaseUrl);
  try {
    const keys = new SealKeys(join(folder, 'keys.json'));
    await keys.rotate();
    say(kind, 'append', perEvent(events, await timed(() => fillEvents(world, events))));
    say(kind, 'seal', perEvent(events, await timed(() => sealEvents(store, publicUrl, keys.signingKey()))));
    say(kind, 'verify', perEvent(events, await timed(() => verifyAll(store, keys))));
    say(kind, 'query by user, first page of 100', await queryByUser(store));
    say(kind, 'export over HTTP', await exportAll(world, store, events));
  } finally {
    await store.close();
    await world.remove();
    rmSync(folder, { recursive: true });
  }
}

function logoutOf(n: number): NewEvent {
  const user = `user-${(n * 7_919) % users}`;
  const actor = { kind: 'user', id: user } as const;
  const origin = {
    ...systemOrigin,
    actor,
    ip: `192.0.2.${n % 250}`,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
  };
  const details = {
    userId: user,
    clientId: `client-${n % 50}`,
    sessionId: `session-${n}`,
    reason: 'user_logout',
  };
  return eventOf({ ...origin, requestId: `request-${n}` }, 'logout', {
    ...details,
    metadata: { scope: 'current' },
  });
}

async function fillEvents(world: World, count: number): Promise<void> {
  const db = dialectOf(world.databaseUrl).openWriter();
  const { event_seq: head } = await db('heads').first('event_seq');
  for (let from = 0; from < count; from += step) {
    const events = Array.from({ length: Math.min(step, count - from) }, (_, n) => logoutOf(from + n));
    await db.transaction(async (tx) => {
      await appendEvents(tx, events, head + from, Date.now());
      await tx('heads').update({ event_seq: head + from + events.length });
    });
  }
  await db.destroy();
}

async function verifyAll(store: Store, keys: SealKeys): Promise<void> {
  const { finding } = await verifyTrail({
    events: storedEvents(store),
    seals: await storedSeals(store),
    kept: [],
    readSeal: sealReader(keys.publicKeys()),
  });
  if (finding) throw new Error(JSON.stringify(finding));
}

async function queryByUser(store: Store): Promise<string> {
  const below = await store.findEventHead();
  const times: number[] = [];
  for (let n = 0; n < queries; n++) {
    const userId = `user-${(n * 6_151) % users}`;
    times.push(await timed(() => store.listEvents({ userId, below }, below + 1, 101)));
  }
  times.sort((one, other) => one - other);
  const p99 = times[Math.floor(queries * 0.99)] as number;
  return `median ${(median(times) * 1000).toFixed(2)} ms, p99 ${(p99 * 1000).toFixed(2)} ms`;
}

/** Memory is that of the server's process, before and at its most during the export. */
async function exportAll(world: World, store: Store, events: number): Promise<string> {
  const secret = 'bench-auditor-secret'.padEnd(40, '0');
  const client = plainClient({ clientId: 'bench-auditor', permissions: ['audit'] });
  await createClient(store, systemOrigin, client, secret);
  const off = { SEAL_INTERVAL_SECONDS: '0', PURGE_INTERVAL_SECONDS: '0', LOG_LEVEL: 'info' };
  const server = await startOurs({ DATABASE_URL: world.databaseUrl, PUBLIC_URL: publicUrl, ...off });
  const memory = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) /
    1024;
  const before = memory('VmRSS');
  let [bytes, lines] = [0, 0];
  try {
    const seconds = await timed(async () => {
      const url = `http://127.0.0.1:${server.port}/v1/audit/export`;
      const response = await fetch(url, { headers: { Authorization: basic('bench-auditor', secret) } });
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        for (const byte of chunk) if (byte === 10) lines += 1;
      }
    });
    if (lines < events) throw new Error(`the export has ${lines} lines`);
    const peak = memory('VmHWM');
    return `${(lines / seconds).toFixed(0)}/s, ${(bytes / 2 ** 20).toFixed(0)} MiB; memory ${before.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB at most`;
  } finally {
    await server.stop();
  }
}

/** Each on a database of its own: sealing every second, and never. */
async function sealingBesideNone(kind: Kind, effort: Effort): Promise<Row> {
  const tokens = 2 * tokensPerSecondMax * effort.seconds * (effort.rounds + 1);
  const folder = mkdtempSync(join(tmpdir(), 'bench-keys-'));
  const subjects = [];
  for (const [name, seconds] of [
    ['sealing', '1'],
    ['not sealing', '0'],
  ] as const) {
    const world = await makeWorld(kind, { tokens, revocations: 10_000 });
    const server = await startOurs({
      ...{ DATABASE_URL: world.databaseUrl, PUBLIC_URL: publicUrl, LOG_LEVEL: 'info' },
      ...{ SEAL_INTERVAL_SECONDS: seconds, SEAL_KEY_FILE: join(folder, 'keys.json') },
    });
    const ask = (n: number) => ({
      bytes: formPost('/revoke', world.app, { token: tokenOf(n % tokens) }),
      expect: '"status":"revoked"',
    });
    subjects.push({ name, server, ask, world });
  }
  try {
    const medians = await interleave(subjects, effort);
    const [on, off] = ['sealing', 'not sealing'].map((name) => medians.get(name)) as [Medians, Medians];
    return {
      work: `durable revocation while sealing every second, ${kind}`,
      reference: 'the same without sealing',
      what: 'rate',
      goal: 0.95,
      measured: on.rate / off.rate,
      detail: `${on.rate.toFixed(0)}/s against ${off.rate.toFixed(0)}/s, p99 ${on.p99Ms.toFixed(1)} against ${off.p99Ms.toFixed(1)} ms`,
    };
  } finally {
    for (const { server, world } of subjects) {
      await server.stop();
      await world.remove();
    }
    rmSync(folder, { recursive: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function perEvent(events: number, seconds: number): string {
  return `${(events / seconds).toFixed(0)}/s, ${((seconds * 1e6) / events).toFixed(1)} µs an event (${events} in ${seconds.toFixed(1)} s)`;
}

function say(kind: Kind, what: string, text: string): void {
  process.stdout.write(`audit, ${kind}, ${what}: ${text}\n`);
}
