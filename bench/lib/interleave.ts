// Measures several subjects in turn, round after round, so that a machine whose speed varies varies for all of them.
// The results are medians over the rounds: of the figures, and of the ratios within each round.
import { type Ask, type Measured, measure, median } from './load.ts';
import { say } from './progress.ts';
import type { RunningProcess } from './servers.ts';

interface Asked {
  readonly name: string;
  readonly server: RunningProcess;
  readonly ask: (n: number) => Ask;
  readonly connections?: number;
  /** At most this many requests a round, instead of as many as its time allows. */
  readonly requests?: number;
  /** At least this many requests before the first round, so that the subject's memory is filled. */
  readonly warmUp?: number;
}

/** For work that load.ts cannot measure. */
interface MeasuredItself {
  readonly name: string;
  readonly measure: (seconds: number) => Promise<Measured>;
}

export type Subject = Asked | MeasuredItself;

export interface Medians {
  readonly rate: number;
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rounds: readonly Measured[];
}

/** By the subject's name. */
export type MediansOf = (name: string) => Medians;

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

const connectionsUsual = 50;
/** Before the first round: so much time, and so many requests if they take no longer than the last. */
const warmUpSeconds = 1;
const warmUpRequests = 5_000;
const warmUpSecondsMax = 10;
/** For what a subject itself asks to be warmed up with. */
const ownWarmUpSecondsMax = 120;

/** How many requests a subject may be asked in all, when it answers at most so many a second. */
export function requestsMaxOf({ rounds, seconds }: Effort, perSecondMax: number): number {
  const warmUp = Math.max(seconds, warmUpSeconds) * perSecondMax + warmUpRequests;
  return Math.ceil(warmUp + rounds * seconds * perSecondMax);
}

export async function interleave(subjects: readonly Subject[], effort: Effort): Promise<MediansOf> {
  const measured = new Map<string, Measured[]>(subjects.map(({ name }) => [name, []]));
  const asked = new Map<string, number>();
  // Round 0 warms compilers and caches, and is not counted.
  for (let round = 0; round <= effort.rounds; round++) {
    for (const subject of subjects) {
      const one = await measureOnce(subject, effort, round, asked);
      if (round > 0) measured.get(subject.name)?.push(one);
      const figures = `${one.rate.toFixed(0).padStart(7)}/s ${one.cpuMicros.toFixed(1).padStart(8)} µs CPU`;
      const load = `load ${(one.loadShare * 100).toFixed(0).padStart(3)} %`;
      say(`  round ${round} of ${effort.rounds}  ${subject.name.padEnd(36)} ${figures}  ${load}`);
    }
  }
  const medians = new Map([...measured].map(([name, rounds]) => [name, mediansOf(rounds)]));
  return (name) => {
    const found = medians.get(name);
    if (!found) throw new Error(`nothing was measured by the name of ${name}`);
    return found;
  };
}

async function measureOnce(
  subject: Subject,
  { seconds }: Effort,
  round: number,
  askedBefore: Map<string, number>,
): Promise<Measured> {
  if ('measure' in subject) return subject.measure(seconds);
  const { name, server, ask, connections = connectionsUsual, requests, warmUp } = subject;
  let from = askedBefore.get(name) ?? 0;
  const load = async (limits: { seconds: number; requestsMax?: number }): Promise<Measured> => {
    const first = from;
    const one = await measure({ ...server, ...limits, connections, ask: (n) => ask(first + n) });
    from += one.requests;
    askedBefore.set(name, from);
    return one;
  };
  const one = await load({
    seconds: round === 0 ? Math.max(seconds, warmUpSeconds) : seconds,
    ...(requests === undefined ? {} : { requestsMax: requests }),
  });
  const missing = (warmUp ?? requests ?? warmUpRequests) - one.requests;
  if (round > 0 || missing <= 0) return one;
  return load({
    seconds: warmUp === undefined ? warmUpSecondsMax : ownWarmUpSecondsMax,
    requestsMax: missing,
  });
}

function mediansOf(rounds: readonly Measured[]): Medians {
  const of = (key: keyof Measured) => median(rounds.map((one) => one[key]));
  return { rate: of('rate'), cpuMicros: of('cpuMicros'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), rounds };
}

const keys = { rate: 'rate', CPU: 'cpuMicros', p99: 'p99Ms' } as const;

/** The ratios between two subjects of one run, by round, from the lowest. */
export function ratios(one: Medians, other: Medians, what: keyof typeof keys): number[] {
  const of = (n: number) => (other.rounds[n] as Measured)[keys[what]];
  return one.rounds.map((round, n) => round[keys[what]] / of(n)).sort((low, high) => low - high);
}

/** The median of them. */
export function ratio(one: Medians, other: Medians, what: keyof typeof keys): number {
  return median(ratios(one, other, what));
}
