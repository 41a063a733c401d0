// Introspection against K, in interleaved rounds: `npm run bench:introspect -- --tokens 1000000`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemOrigin } from '../src/domain/audit.ts';
import { createClient } from '../src/domain/manage-clients.ts';
import { dialectOf } from '../src/store/dialect.ts';
import { migrateUp } from '../src/store/migrate.ts';
import { openStore } from '../src/store/open.ts';
import { fillRevocations, fillTokens, tokenOf } from './lib/fill.ts';
import { type Ask, basic, formPost, type Measured, measure, median } from './lib/load.ts';
import { startOurs, startReference } from './lib/servers.ts';

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '1000000' },
    revocations: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    database: { type: 'string' },
  },
});
const tokens = Number(values.tokens);
const folder = mkdtempSync(join(tmpdir(), 'bench-'));
const databaseUrl = values.database ?? `sqlite:${folder}/bench.sqlite`;
const publicUrl = 'http://127.0.0.1:3000';
const api = { clientId: 'bench-api', secret: 'bench-api-secret-bench-api-secret-1' };

await migrateUp(databaseUrl);
const db = dialectOf(databaseUrl).openWriter();
await fillTokens(db, tokens, publicUrl, Date.now());
await fillRevocations(db, Number(values.revocations), Date.now());
await db.destroy();
const store = openStore(databaseUrl);
await createClient(
  store,
  systemOrigin,
  {
    clientId: api.clientId,
    clientName: null,
    authMethod: 'client_secret_basic',
    permissions: ['introspect'],
    audiences: ['https://api.example.com'],
    allowedOrigins: [],
    issuers: [],
    cascade: 'token',
    logoutScope: 'current',
    cacheMaxAge: 0,
  },
  api.secret,
);
await store.close();

const authorization = basic(api.clientId, api.secret);
const requestOf = (token: string, expect: string): Ask => ({
  bytes: formPost('/introspect', authorization, { token }),
  expect,
});
const spread = (n: number, size: number) => Math.floor((n * 2_654_435_761) % size);
const workingSet = Math.min(100_000, tokens);
const works: Record<string, (n: number) => Ask> = {
  K: (n) => requestOf(tokenOf(spread(n, workingSet)), '"active":true'),
  'working set': (n) => requestOf(tokenOf(spread(n, workingSet)), '"active":true'),
  'all tokens': (n) => requestOf(tokenOf(spread(n, tokens)), '"active":true'),
  unknown: (n) => requestOf(`unknown-${n % 1000}-${'x'.repeat(24)}`, '{"active":false}'),
};
const ours = await startOurs({ DATABASE_URL: databaseUrl, PUBLIC_URL: publicUrl, LOG_LEVEL: 'info' });
const k = await startReference('k');
const results = new Map<string, Measured[]>();
try {
  // A first round that is not counted warms the compilers and caches.
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [name, ask] of Object.entries(works)) {
      const server = name === 'K' ? k : ours;
      const load = {
        port: server.port,
        pid: server.pid,
        connections: 50,
        seconds: Number(values.seconds),
        ask,
      };
      const measured = await measure(load);
      if (round > 0) results.set(name, [...(results.get(name) ?? []), measured]);
      process.stderr.write(
        `round ${round} ${name.padEnd(12)} ${measured.rate.toFixed(0)}/s ${measured.cpuMicros.toFixed(1)} µs CPU\n`,
      );
    }
  }
} finally {
  await Promise.all([ours.stop(), k.stop()]);
  rmSync(folder, { recursive: true });
}
const of = (name: string, pick: (one: Measured) => number) => median((results.get(name) ?? []).map(pick));
for (const name of Object.keys(works)) {
  const rate = of(name, (one) => one.rate);
  const cpu = of(name, (one) => one.cpuMicros);
  const rateRatio = rate / of('K', (one) => one.rate);
  const cpuRatio = cpu / of('K', (one) => one.cpuMicros);
  console.log(
    `${name.padEnd(12)} ${rate.toFixed(0).padStart(7)}/s  ${rateRatio.toFixed(2)} × K   ` +
      `CPU ${cpu.toFixed(1)} µs  ${cpuRatio.toFixed(2)} × K   p99 ${of(name, (one) => one.p99Ms).toFixed(1)} ms`,
  );
}
