// Measures several subjects in turn, round after round, so that a machine whose speed wobbles wobbles for all
// of them; what counts are the medians, and their ratios.
import { type Ask, type Measured, measure, median } from './load.ts';
import type { RunningProcess } from './servers.ts';

export interface Subject {
  readonly name: string;
  readonly server: RunningProcess;
  readonly ask: (n: number) => Ask;
  readonly connections?: number;
}

export interface Medians {
  readonly rate: number;
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

export async function interleave(
  subjects: readonly Subject[],
  effort: Effort,
): Promise<Map<string, Medians>> {
  const measured = new Map<string, Measured[]>(subjects.map(({ name }) => [name, []]));
  const asked = new Map<string, number>();
  // Round 0 warms compilers and caches, and is not counted.
  for (let round = 0; round <= effort.rounds; round++) {
    for (const { name, server, ask, connections = 50 } of subjects) {
      const first = asked.get(name) ?? 0;
      const one = await measure({
        ...server,
        connections,
        seconds: effort.seconds,
        ask: (n) => ask(first + n),
      });
      asked.set(name, first + one.requests + connections);
      if (round > 0) measured.get(name)?.push(one);
      const line = `${one.rate.toFixed(0).padStart(7)}/s ${one.cpuMicros.toFixed(1).padStart(7)} µs CPU`;
      process.stderr.write(`  round ${round} of ${effort.rounds}  ${name.padEnd(36)} ${line}\n`);
    }
  }
  return new Map(
    [...measured].map(([name, all]) => [
      name,
      {
        rate: median(all.map((one) => one.rate)),
        cpuMicros: median(all.map((one) => one.cpuMicros)),
        p50Ms: median(all.map((one) => one.p50Ms)),
        p99Ms: median(all.map((one) => one.p99Ms)),
      },
    ]),
  );
}
