// GET /metrics: what a Prometheus server collects. Labels are route patterns, methods and statuses only. Where
// several workers are one server, whichever is asked answers for all of them.
import { AggregatorRegistry, Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { ClientAuth } from './client-auth.ts';
import type { Context } from './context.ts';
import type { RefusedWork } from './overload.ts';

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

type Child = [ReturnType<Counter['labels']>, ReturnType<Histogram['labels']>];

/** What a process has counted. */
export type Counts = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The other workers of the same server. */
export interface OtherWorkers {
  /** Hands over what this worker has counted; resolves to what each of the others has, ended ones included. */
  collect(own: Counts): Promise<readonly Counts[]>;
}

export class Metrics {
  /** Of this process. */
  readonly registry = new Registry();
  /** Of the database: the same in every worker. */
  readonly common = new Registry();
  readonly #others: OtherWorkers | null;
  readonly #requests = new Counter({
    name: 'revocation_http_requests_total',
    help: 'Requests answered, by method, route and status',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'revocation_http_request_seconds',
    help: 'Time to answer, by route',
    labelNames: ['route'],
    buckets: bucketsSeconds,
    registers: [this.registry],
  });

  readonly #jwtRefusals = new Counter({
    name: 'revocation_jwt_refused_total',
    help: 'JWTs that were not accepted, by reason; untrusted_issuer and wrong_audience are mostly misconfiguration',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  readonly #overloadRefusals = new Counter({
    name: 'revocation_overload_refusals_total',
    help: 'Requests refused with 503 because too many were under way or waiting, by work',
    labelNames: ['work'],
    registers: [this.registry],
  });

  constructor(others: OtherWorkers | null) {
    this.#others = others;
  }

  countOverloadRefusal(work: RefusedWork): void {
    this.#overloadRefusals.inc({ work });
  }

  countJwtRefusal(reason: string): void {
    this.#jwtRefusals.inc({ reason });
  }

  /** Finding a child by its labels costs more than counting. Bounded: routes are patterns, methods few. */
  readonly #children = new Map<string, Child>();

  #collectsProcess = false;

  /** What this process has counted; from the first time on with what Node tells of it. */
  counts(): Promise<Counts> {
    if (!this.#collectsProcess) collectDefaultMetrics({ register: this.registry });
    this.#collectsProcess = true;
    return this.registry.getMetricsAsJSON();
  }

  /** The exposition format. What is counted is summed over all workers; each metric of Node's has its own way. */
  async expose(): Promise<string> {
    const own = await this.counts();
    const others = await this.#others?.collect(own);
    const counted = others ? AggregatorRegistry.aggregate([own, ...others]) : this.registry;
    return `${await counted.metrics()}\n${await this.common.metrics()}`;
  }

  count(method: string, route: string, status: number, seconds: number): void {
    const name = `${method} ${status} ${route}`;
    const known = this.#children.get(name);
    const child = known ?? [
      this.#requests.labels({ method, route, status }),
      this.#seconds.labels({ route }),
    ];
    if (!known) this.#children.set(name, child);
    child[0].inc();
    child[1].observe(seconds);
  }
}

export function handleMetrics(metrics: Metrics, auth: ClientAuth) {
  return async function showMetrics(ctx: Context): Promise<void> {
    await auth.permit(ctx, 'metrics');
    ctx.set('Content-Type', metrics.registry.contentType);
    ctx.body = await metrics.expose();
  };
}
