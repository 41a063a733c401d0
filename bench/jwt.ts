// Introspection of JWTs that nobody registered. One that was seen before should cost what a registered token costs;
// one seen for the first time, its signature and a little more. Measured is the cost of a first sight beyond a later
// one, less what jose's `jwtVerify` costs alone in a process of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenOf } from './lib/fill.ts';
import { type Effort, interleave, type MediansOf, ratio, type Subject } from './lib/interleave.ts';
import { type Algorithm, makeJwts, putOnRecord } from './lib/jwts.ts';
import { type Ask, cpuMicrosOf, formPost, type Measured } from './lib/load.ts';
import { figuresOf, type Row } from './lib/report.ts';
import { type RunningProcess, startOurs, startReference } from './lib/servers.ts';
import { makeWorld } from './lib/world.ts';

/** Our server remembers 20,000 JWTs. */
const seenTokens = 2_000;
/** Tokens that only warm up what verifies them, our server and jose alike: as many as a busy one sees in seconds. */
const warmUpTokens = 10_000;
/** Enough that the hundredths of a second in which the kernel counts CPU do not matter. */
const tokensPerSecond = 2_500;
const beyondMicrosMax = 50;

export async function jwt(alg: Algorithm, effort: Effort): Promise<Row[]> {
  const perRound = Math.round(tokensPerSecond * Math.max(1, effort.seconds));
  const jwts = makeJwts(alg, seenTokens + warmUpTokens + perRound * (effort.rounds + 1));
  const folder = mkdtempSync(join(tmpdir(), 'bench-jwts-'));
  const file = join(folder, 'jwts.json');
  writeFileSync(file, JSON.stringify(jwts));
  const world = await makeWorld('sqlite', { tokens: seenTokens, revocations: 100_000 });
  await putOnRecord(world.databaseUrl, jwts);
  // Two processes, so that the new tokens of one push nothing out of the other's memory.
  const [ours, fresh, jose] = await Promise.all([
    startOurs(world.env),
    startOurs(world.env),
    startReference('jose-verify', { TOKENS: file }),
  ]);
  const ask = (token: string): Ask => ({
    bytes: formPost('/introspect', world.api, { token }),
    expect: '"active":true',
  });
  const subjects: Subject[] = [
    {
      name: 'registered',
      server: ours,
      ask: (n) => ask(tokenOf(n % seenTokens)),
    },
    {
      name: 'seen',
      server: ours,
      ask: (n) => ask(jwts.tokens[n % seenTokens] as string),
    },
    {
      name: 'first seen',
      server: fresh,
      ask: (n) => ask(jwts.tokens[seenTokens + n] as string),
      requests: perRound,
      warmUp: warmUpTokens,
    },
    { name: 'jwtVerify', measure: verifier(jose, perRound) },
  ];
  try {
    return rowsOf(alg, await interleave(subjects, effort));
  } finally {
    await Promise.all([ours.stop(), fresh.stop(), jose.stop()]);
    await world.remove();
    rmSync(folder, { recursive: true });
  }
}

/** Each round verifies new tokens, as a server does that sees them for the first time. */
function verifier(jose: RunningProcess, perRound: number): () => Promise<Measured> {
  let from = seenTokens;
  const verify = async (count: number): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${jose.port}/${from}/${count}`);
    if ((await answer.text()) !== 'verified') throw new Error('jose did not verify');
    from += count;
  };
  return async () => {
    if (from === seenTokens) await verify(warmUpTokens);
    const [began, cpuBefore] = [performance.now(), cpuMicrosOf(jose.pid)];
    await verify(perRound);
    const cpuMicros = (cpuMicrosOf(jose.pid) - cpuBefore) / perRound;
    const seconds = (performance.now() - began) / 1000;
    const times = { p50Ms: Number.NaN, p99Ms: Number.NaN };
    return { requests: perRound, rate: perRound / seconds, cpuMicros, ...times, loadShare: 0 };
  };
}

function rowsOf(alg: Algorithm, of: MediansOf): Row[] {
  const [first, seen, alone] = ['first seen', 'seen', 'jwtVerify'].map((name) => of(name).cpuMicros) as [
    number,
    number,
    number,
  ];
  const beyond = (first - seen).toFixed(0);
  return [
    {
      work: `introspection, JWT ${alg} seen before`,
      reference: 'a registered token',
      what: 'rate',
      goal: 0.9,
      measured: ratio(of('seen'), of('registered'), 'rate'),
      detail: figuresOf('rate', of('seen'), of('registered')),
    },
    {
      work: `introspection, JWT ${alg} first seen, beyond one seen before`,
      reference: "jose's jwtVerify alone",
      what: 'CPU',
      goal: beyondMicrosMax,
      measured: first - seen - alone,
      unit: 'µs',
      detail: `${first.toFixed(0)} to ${seen.toFixed(0)} µs CPU are ${beyond} µs; jwtVerify ${alone.toFixed(0)} µs`,
    },
  ];
}
