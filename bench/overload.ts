// Overload: introspections that are due at twice the rate the server can do, over many connections, with a few
// revocations among them. What is answered must be answered about as soon as at full load, what is refused
// at once, and every revocation must succeed.
import { spread, tokenOf } from './lib/fill.ts';
import type { Effort } from './lib/interleave.ts';
import { type Ask, formPost, measure, median } from './lib/load.ts';
import { measureOpen, type StreamMeasured } from './lib/open-load.ts';
import type { Row } from './lib/report.ts';
import { type RunningProcess, startOurs } from './lib/servers.ts';
import { type DatabaseKind, makeWorld, type World } from './lib/world.ts';

const tokens = 100_000;
/** Tokens from here on are for revoking. */
const revocable = 90_000;
const connections = 2_000;
const revocationsPerSecond = 20;

interface Round {
  readonly full: Pair;
  readonly double: Pair;
}
interface Pair {
  readonly introspections: StreamMeasured;
  readonly revocations: StreamMeasured;
}

export async function overload(kind: DatabaseKind, effort: Effort): Promise<Row[]> {
  const world = await makeWorld(kind, { tokens, revocations: 10_000 });
  const ours = await startOurs(world.env);
  const load = new Load(world, ours, effort.seconds);
  try {
    await load.capacity();
    const rounds: Round[] = [];
    for (let round = 0; round < effort.rounds; round++) {
      const perSecond = await load.capacity();
      rounds.push({ full: await load.at(perSecond), double: await load.at(2 * perSecond) });
    }
    return rowsOf(kind, rounds);
  } finally {
    await ours.stop();
    await world.remove();
  }
}

class Load {
  readonly #world: World;
  readonly #server: RunningProcess;
  readonly #seconds: number;
  /** Written beforehand: writing them at twice the server's rate would take a whole core. */
  readonly #introspections: readonly Ask[];
  #revoked = 0;

  constructor(world: World, server: RunningProcess, seconds: number) {
    this.#world = world;
    this.#server = server;
    this.#seconds = seconds;
    this.#introspections = Array.from({ length: revocable }, (_, n) => ({
      bytes: formPost('/introspect', world.api, { token: tokenOf(n) }),
      expect: '"active":true',
    }));
  }

  /** Introspections per second of as many callers as the server can be busy with, each waiting for its answer. */
  async capacity(): Promise<number> {
    const { rate } = await measure({
      ...this.#server,
      connections: 50,
      seconds: this.#seconds,
      ask: (n) => this.#introspect(n),
    });
    process.stderr.write(`  capacity ${rate.toFixed(0)}/s\n`);
    return rate;
  }

  async at(perSecond: number): Promise<Pair> {
    const measured = await measureOpen(this.#server.port, this.#seconds, [
      { name: 'introspections', perSecond, connections, ask: (n) => this.#introspect(n) },
      {
        name: 'revocations',
        perSecond: revocationsPerSecond,
        connections: revocationsPerSecond,
        ask: () => this.#revoke(),
      },
    ]);
    for (const [name, one] of measured) {
      const figures = Object.entries(one).map(([what, figure]) => `${what} ${figure.toFixed(1)}`);
      process.stderr.write(`  at ${perSecond.toFixed(0)}/s  ${name.padEnd(15)} ${figures.join('  ')}\n`);
    }
    const of = (name: string) => measured.get(name) as StreamMeasured;
    return { introspections: of('introspections'), revocations: of('revocations') };
  }

  #introspect(n: number): Ask {
    return this.#introspections[spread(n, revocable)] as Ask;
  }

  #revoke(): Ask {
    const token = tokenOf(revocable + this.#revoked);
    this.#revoked += 1;
    return { bytes: formPost('/revoke', this.#world.app, { token }), expect: '"status":"revoked"' };
  }
}

function rowsOf(kind: string, rounds: readonly Round[]): Row[] {
  const of = (read: (round: Round) => number) => median(rounds.map(read));
  const full = of((round) => round.full.introspections.answeredP99Ms);
  const answered = of((round) => round.double.introspections.answeredP99Ms);
  const fullSent = of((round) => round.full.introspections.answeredOnceSentP99Ms);
  const answeredSent = of((round) => round.double.introspections.answeredOnceSentP99Ms);
  const refused = of((round) => round.double.introspections.refusedP99Ms);
  const revoked = of((round) => round.double.revocations.answeredP99Ms);
  const answeredRate = of((round) => round.double.introspections.answered).toFixed(0);
  const refusedRate = of((round) => round.double.introspections.refused).toFixed(0);
  const lost = Math.max(...rounds.map((round) => round.double.revocations.refused)).toFixed(0);
  const row = (work: string, p99Ms: number, detail: string, atCapacity = full): Row => ({
    work: `twice the capacity, ${kind}: ${work}`,
    reference: 'introspections at capacity',
    what: 'p99',
    goal: 3,
    measured: p99Ms / atCapacity,
    detail: `${p99Ms.toFixed(0)} ms against ${atCapacity.toFixed(0)} ms; ${detail}`,
  });
  return [
    row('introspections', answered, `${answeredRate}/s answered, ${refusedRate}/s refused`),
    row('introspections, once sent', answeredSent, 'without the wait for a free connection', fullSent),
    row('their refusals', refused, 'with Retry-After'),
    row('revocations', revoked, `${lost}/s refused`),
  ];
}
