// Registration: arrays of a thousand and a stream of lines beside single requests, in tokens per second; and
// the server's memory while a million tokens are streamed to it.
import { once } from 'node:events';
import { request } from 'node:http';
import { type Effort, interleave, type Medians, ratio } from './lib/interleave.ts';
import { type Ask, cpuMicrosOf, jsonPost, type Measured, memoryOf } from './lib/load.ts';
import { progress } from './lib/progress.ts';
import { figuresOf, type Row } from './lib/report.ts';
import { type RunningProcess, startOurs } from './lib/servers.ts';
import { type DatabaseKind, makeWorld, type World } from './lib/world.ts';

const arrayItems = 1_000;
const linesPerWrite = 100;
/** The server cuts a request off after 30 s. */
const requestSeconds = 20;

export async function registration(kind: DatabaseKind, effort: Effort): Promise<Row[]> {
  return withServer(kind, async (world, server) => {
    let next = 0;
    const single = (): Ask => ({
      bytes: jsonPost('/v1/tokens', world.issuer, itemOf(next++)),
      expect: '"status":"registered"',
    });
    const array = (): Ask => ({
      bytes: jsonPost(
        '/v1/tokens',
        world.issuer,
        Array.from({ length: arrayItems }, () => itemOf(next++)),
      ),
      expect: (body) => count(body) === arrayItems,
    });
    const stream = async (seconds: number): Promise<Measured> => {
      const until = performance.now() + seconds * 1000;
      return streamTokens(world, server, () => (performance.now() < until ? itemOf(next++) : undefined));
    };
    const of = await interleave(
      [
        { name: 'single', server, ask: single },
        { name: 'array', server, ask: array, connections: 2, warmUp: 5 },
        { name: 'stream', measure: stream },
      ],
      effort,
    );
    const perToken = perItem(of('array'));
    return [
      rowOf(kind, 'arrays of 1,000', perToken, of('single')),
      rowOf(kind, 'one stream of lines', of('stream'), of('single')),
    ];
  });
}

function perItem({ rounds, ...medians }: Medians): Medians {
  const each = <T extends { rate: number; cpuMicros: number }>(one: T): T => ({
    ...one,
    rate: one.rate * arrayItems,
    cpuMicros: one.cpuMicros / arrayItems,
  });
  return { ...each(medians), rounds: rounds.map(each) };
}

function rowOf(kind: string, how: string, one: Medians, single: Medians): Row {
  return {
    work: `registration, ${kind}, ${how}, tokens per second`,
    reference: 'single registrations, 50 connections',
    what: 'rate',
    goal: 10,
    measured: ratio(one, single, 'rate'),
    detail: `${one.rate.toFixed(0)}/s to ${single.rate.toFixed(0)}/s, ${figuresOf('CPU', one, single)} a token`,
  };
}

/** The thread that seals starts within the first tokens, or its memory would be taken for that of the later ones. */
const sealIntervalSeconds = 2;

/** The server's memory while `tokens` are streamed to it, one request after the other. */
export async function streamed(kind: DatabaseKind, tokens: number): Promise<Row[]> {
  const work = async (world: World, server: RunningProcess): Promise<Row[]> => {
    let [next, requests] = [0, 0];
    const began = performance.now();
    const mostAfter = async (upTo: number): Promise<number> => {
      for (; next < upTo; requests++) {
        const until = performance.now() + requestSeconds * 1000;
        const isOver = () => next >= upTo || performance.now() > until;
        await streamTokens(world, server, () => (isOver() ? undefined : itemOf(next++)));
        progress('streaming', next, tokens);
      }
      return memoryOf(server.pid, 'VmHWM');
    };
    const empty = memoryOf(server.pid, 'VmRSS');
    const early = Math.ceil(tokens / 10);
    const mostEarly = await mostAfter(early);
    const most = await mostAfter(tokens);
    const seconds = (performance.now() - began) / 1000;
    return [
      {
        work: `registration, ${kind}, a stream of ${tokens.toLocaleString('en')} tokens, memory at most`,
        reference: `at most for the first ${early.toLocaleString('en')} of them`,
        what: 'memory',
        goal: 1.25,
        measured: most / mostEarly,
        detail: `RSS ${empty.toFixed(0)} MiB before, ${mostEarly.toFixed(0)} MiB, then ${most.toFixed(0)} MiB; ${(tokens / seconds).toFixed(0)}/s in ${requests} requests`,
      },
    ];
  };
  return withServer(kind, work, { SEAL_INTERVAL_SECONDS: String(sealIntervalSeconds) });
}

async function withServer(
  kind: DatabaseKind,
  work: (world: World, server: RunningProcess) => Promise<Row[]>,
  env: Readonly<Record<string, string>> = {},
): Promise<Row[]> {
  const world = await makeWorld(kind, { tokens: 0, revocations: 0 });
  const server = await startOurs({ ...world.env, ...env });
  try {
    return await work(world, server);
  } finally {
    await server.stop();
    await world.remove();
  }
}

function itemOf(n: number): object {
  const now = Math.floor(Date.now() / 1000);
  return {
    token: `registered-${n}`.padEnd(43, '-'),
    token_use: 'access_token',
    client_id: 'bench-app',
    sub: `user-${(n >> 1) % 250_000}`,
    session_id: `session-${n >> 1}`,
    grant_id: `grant-${n >> 1}`,
    aud: 'https://api.example.com',
    scope: 'profile orders',
    iat: now,
    exp: now + 86_400,
  };
}

/** How many items of an answer say that they are registered. */
function count(answer: string): number {
  return answer.split('"status":"registered"').length - 1;
}

/** One request whose body goes on while `next` gives items; every line of its answer is checked. */
async function streamTokens(
  world: World,
  server: RunningProcess,
  next: () => object | undefined,
): Promise<Measured> {
  const [began, cpuBefore, ownBefore] = [performance.now(), cpuMicrosOf(server.pid), process.cpuUsage()];
  const outgoing = request({
    ...{ port: server.port, host: '127.0.0.1', path: '/v1/tokens', method: 'POST' },
    headers: { authorization: world.issuer, 'content-type': 'application/x-ndjson' },
  });
  const answered = readAnswers(outgoing);
  let sent = 0;
  for (let isMore = true; isMore; ) {
    let block = '';
    for (let line = 0; line < linesPerWrite; line++) {
      const item = next();
      isMore = item !== undefined;
      if (!item) break;
      block += `${JSON.stringify(item)}\n`;
      sent += 1;
    }
    if (!outgoing.write(block || '\n')) await Promise.race([once(outgoing, 'drain'), answered]);
  }
  outgoing.end();
  const registered = await answered;
  if (registered !== sent) throw new Error(`of ${sent} lines ${registered} were registered`);
  const seconds = (performance.now() - began) / 1000;
  const own = process.cpuUsage(ownBefore);
  return {
    requests: sent,
    rate: sent / seconds,
    cpuMicros: (cpuMicrosOf(server.pid) - cpuBefore) / sent,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
    loadShare: (own.user + own.system) / 1e6 / seconds,
  };
}

async function readAnswers(outgoing: ReturnType<typeof request>): Promise<number> {
  const [incoming] = await once(outgoing, 'response');
  incoming.setEncoding('latin1');
  let [registered, rest] = [0, ''];
  for await (const chunk of incoming) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.includes('"status":"registered"')) throw new Error(`not registered: ${line.slice(0, 300)}`);
      registered += 1;
    }
  }
  return registered;
}
