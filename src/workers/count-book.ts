// What all workers of a server have counted, kept in its first process. A worker's counts stay in the sum after it
// has ended: a Prometheus server would take a falling sum for a restart.
import type { Worker } from 'node:cluster';
import { AggregatorRegistry } from 'prom-client';
import type { Counts } from '../http/ops/metrics.ts';
import type { ToWorker } from './messages.ts';

/** A worker that does not answer in time counts with its last known numbers. */
const answerMs = 2_000;

interface Question {
  readonly worker: Worker;
  readonly settle: () => void;
}

export class CountBook {
  readonly #latest = new Map<number, Counts>();
  readonly #questions = new Map<number, Question>();
  #ended: Promise<Counts> = Promise.resolve([]);
  #asked = 0;

  /** Answers a worker that asks for the counts of the others; `workers` are those that serve now. */
  async answer(asker: Worker, id: number, own: Counts, workers: readonly Worker[]): Promise<void> {
    this.#keep(asker, own);
    await Promise.all(workers.filter((worker) => worker !== asker).map((worker) => this.#ask(worker)));
    const latest = [...this.#latest].filter(([of]) => of !== asker.id).map(([, counts]) => counts);
    const others = [...latest, await this.#ended];
    asker.send({ kind: 'collected', id, others } satisfies ToWorker);
  }

  receive(worker: Worker, id: number, counts: Counts): void {
    this.#keep(worker, counts);
    this.#questions.get(id)?.settle();
  }

  /** After a worker's end: only what never goes down stays in the sum, as last known. */
  close(worker: Worker): void {
    const last = (this.#latest.get(worker.id) ?? []).filter(({ type }) => isCumulative(type));
    this.#latest.delete(worker.id);
    this.#ended = this.#ended.then((ended) => AggregatorRegistry.aggregate([ended, last]).getMetricsAsJSON());
    for (const question of this.#questions.values()) if (question.worker === worker) question.settle();
  }

  #keep(worker: Worker, counts: Counts): void {
    if (!worker.isDead()) this.#latest.set(worker.id, counts);
  }

  #ask(worker: Worker): Promise<void> {
    const id = this.#asked++;
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve();
      };
      const timer = setTimeout(settle, answerMs);
      this.#questions.set(id, { worker, settle });
      worker.send({ kind: 'count', id } satisfies ToWorker);
    });
  }
}

/** In messages, types are words. */
function isCumulative(type: unknown): boolean {
  return type === 'counter' || type === 'histogram';
}
