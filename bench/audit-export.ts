// Exports over HTTP: how fast, with how much memory, and what they cost those who introspect meanwhile.
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { systemOrigin } from '../src/domain/audit.ts';
import { createClient, plainClient } from '../src/domain/records/manage-clients.ts';
import type { Store } from '../src/domain/store.ts';
import { spread, tokenOf } from './lib/fill.ts';
import type { Effort } from './lib/interleave.ts';
import { basic, formPost, type Measured, measure, median, memoryOf } from './lib/load.ts';
import { progress } from './lib/progress.ts';
import type { Row } from './lib/report.ts';
import { type RunningProcess, startOurs } from './lib/servers.ts';
import type { World } from './lib/world.ts';

interface Trail {
  /** The name of a row on this trail. */
  readonly work: (what: string) => string;
  /** How many tokens there are. */
  readonly tokens: number;
}

const connections = 10;
const auditor = 'bench-auditor';
const secret = `${auditor}-secret`.padEnd(40, '0');
const off = { SEAL_INTERVAL_SECONDS: '0', PURGE_INTERVAL_SECONDS: '0' };

export async function exporting(world: World, store: Store, trail: Trail, effort: Effort): Promise<Row[]> {
  const client = plainClient({ clientId: auditor, permissions: ['audit'] });
  await createClient(store, systemOrigin, client, secret);
  const server = await startOurs({ ...world.env, ...off });
  try {
    // First, while the process has used no memory for anything else.
    const whole = await wholeExport(server, store, trail);
    return [...whole, ...(await besideExports(world, server, trail, effort))];
  } finally {
    await server.stop();
  }
}

/** The memory of the server's process: before, and its maximum until the export has ended. */
async function wholeExport(server: RunningProcess, store: Store, { work }: Trail): Promise<Row[]> {
  const head = await store.findEventHead();
  const before = memoryOf(server.pid, 'VmRSS');
  const began = performance.now();
  let [bytes, lines] = [0, 0];
  for await (const chunk of (await beginExport(server)).response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    progress('exporting', Math.min(lines, head), head);
  }
  const seconds = (performance.now() - began) / 1000;
  if (lines < head) throw new Error(`the export has ${lines} lines`);
  const size = `${(bytes / 2 ** 20).toFixed(0)} MiB in ${seconds.toFixed(1)} s`;
  const peak = memoryOf(server.pid, 'VmHWM');
  const row = (
    what: string,
    reference: string,
    measured: number,
    unit: '/s' | 'MiB',
    detail: string,
  ): Row => ({
    ...{ work: work(what), reference, what: 'figure', measured, unit, detail },
  });
  return [
    row('export over HTTP', 'events', lines / seconds, '/s', size),
    row('memory during an export', 'peak of the process', peak, 'MiB', `${before.toFixed(0)} MiB before it`),
  ];
}

async function beginExport(
  server: RunningProcess,
): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  const url = `http://127.0.0.1:${server.port}/v1/audit/export`;
  const request = get(url, { headers: { Authorization: basic(auditor, secret) } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`an export was answered ${response.statusCode}`);
  return { request, response };
}

async function besideExports(
  world: World,
  server: RunningProcess,
  { work, tokens }: Trail,
  { rounds, seconds }: Effort,
): Promise<Row[]> {
  const ask = (n: number) => ({
    bytes: formPost('/introspect', world.api, { token: tokenOf(spread(n, tokens)) }),
    expect: '"active":true',
  });
  const load = () => measure({ ...server, connections, seconds, ask });
  const [alone, beside]: [Measured[], Measured[]] = [[], []];
  await load();
  for (let round = 1; round <= rounds; round++) {
    alone.push(await load());
    const isLoaded = { yet: false };
    const exports = exportUntil(server, isLoaded);
    beside.push(await load());
    isLoaded.yet = true;
    await exports;
    progress('introspection beside an export, rounds', round, rounds);
  }
  const of = (all: Measured[], key: 'p50Ms' | 'p99Ms' | 'rate') => median(all.map((one) => one[key]));
  const detail = (key: 'p50Ms' | 'p99Ms') =>
    `${of(beside, key).toFixed(2)} to ${of(alone, key).toFixed(2)} ms`;
  const row = (key: 'p99Ms' | 'rate', what: Row['what'], text: string): Row => ({
    ...{ work: work(`introspection beside an export, ${what}`), reference: 'without the export', what },
    measured: of(beside, key) / of(alone, key),
    detail: text,
  });
  return [
    row('rate', 'rate', `${of(beside, 'rate').toFixed(0)}/s to ${of(alone, 'rate').toFixed(0)}/s`),
    row('p99Ms', 'p99', `p99 ${detail('p99Ms')}, p50 ${detail('p50Ms')}`),
  ];
}

/** One export after another; the last one is cut off. */
async function exportUntil(server: RunningProcess, isLoaded: { yet: boolean }): Promise<void> {
  while (!isLoaded.yet) {
    const { request, response } = await beginExport(server);
    for await (const _ of response) if (isLoaded.yet) break;
    request.destroy();
  }
}
