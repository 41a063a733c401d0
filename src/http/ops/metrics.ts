// GET /metrics: what a Prometheus server collects. Labels are route patterns, methods and statuses only. If several
// workers form one server, each of them answers for all.
import { AggregatorRegistry, Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import type { RefusedWork } from '../overload.ts';
import { exposeTimes, RequestTimes } from './request-times.ts';

/** Requests of one method, route and status; handed over to the library when it is asked for them. */
interface Tally {
  readonly labels: { readonly method: string; readonly route: string; readonly status: number };
  readonly times: RequestTimes;
  requests: number;
}

/** What a process has counted. */
export type Counts = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The other workers of the same server. */
export interface OtherWorkers {
  /** Hands over this worker's counts; resolves to those of every other worker, ended ones included. */
  collect(own: Counts): Promise<readonly Counts[]>;
}

export class Metrics {
  /** Metrics of this process. */
  readonly registry = new Registry();
  /** Metrics of the database, which are the same in every worker. */
  readonly common = new Registry();
  readonly #others: OtherWorkers | null;
  /** Bounded: routes are patterns, methods and statuses few. */
  readonly #tallies = new Map<string, Tally>();
  readonly #times = new Map<string, RequestTimes>();
  readonly #overloadRefusals = new Map<RefusedWork, number>();
  readonly #jwtRefusals = new Counter({
    name: 'revocation_jwt_refused_total',
    help: 'JWTs that were not accepted, by reason; untrusted_issuer and wrong_audience are mostly misconfiguration',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  #collectsProcess = false;

  constructor(others: OtherWorkers | null) {
    this.#others = others;
    exposeTallies(this.registry, {
      name: 'revocation_http_requests_total',
      help: 'Requests answered, by method, route and status',
      labelNames: ['method', 'route', 'status'],
      read: () => [...this.#tallies.values()].map(({ labels, requests }) => ({ labels, count: requests })),
    });
    exposeTallies(this.registry, {
      name: 'revocation_overload_refusals_total',
      help: 'Requests refused with 503 because too many were under way or waiting, by work',
      labelNames: ['work'],
      read: () => [...this.#overloadRefusals].map(([work, count]) => ({ labels: { work }, count })),
    });
    exposeTimes(this.registry, this.#times);
  }

  countOverloadRefusal(work: RefusedWork): void {
    this.#overloadRefusals.set(work, (this.#overloadRefusals.get(work) ?? 0) + 1);
  }

  countJwtRefusal(reason: string): void {
    this.#jwtRefusals.inc({ reason });
  }

  /** What this process has counted. The first call adds Node's own metrics. */
  counts(): Promise<Counts> {
    if (!this.#collectsProcess) collectDefaultMetrics({ register: this.registry });
    this.#collectsProcess = true;
    return this.registry.getMetricsAsJSON();
  }

  /** The exposition format. Counts are summed over all workers; each of Node's metrics says how it is combined. */
  async expose(): Promise<string> {
    const own = await this.counts();
    const others = await this.#others?.collect(own);
    const counted = others ? AggregatorRegistry.aggregate([own, ...others]) : this.registry;
    return `${await counted.metrics()}\n${await this.common.metrics()}`;
  }

  count(method: string, route: string, status: number, seconds: number): void {
    const tally = this.#tallyOf(method, route, status);
    tally.requests += 1;
    tally.times.observe(seconds);
  }

  #tallyOf(method: string, route: string, status: number): Tally {
    const name = `${method} ${status} ${route}`;
    const known = this.#tallies.get(name);
    if (known) return known;
    const times = this.#times.get(route) ?? new RequestTimes();
    this.#times.set(route, times);
    const tally = { labels: { method, route, status }, times, requests: 0 };
    this.#tallies.set(name, tally);
    return tally;
  }
}

interface Tallies {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly read: () => readonly { labels: Readonly<Record<string, string | number>>; count: number }[];
}

/** For numbers that are counted very often: the library gets them only when it is asked for them. */
function exposeTallies(registry: Registry, { name, help, labelNames, read }: Tallies): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of read()) this.inc({ ...labels }, count);
    },
  });
}

export function handleMetrics(metrics: Metrics, auth: ClientAuth) {
  return async function showMetrics(ctx: Context): Promise<void> {
    await auth.permit(ctx, 'metrics');
    ctx.set('Content-Type', metrics.registry.contentType);
    ctx.body = await metrics.expose();
  };
}
