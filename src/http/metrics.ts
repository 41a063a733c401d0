// GET /metrics: what a Prometheus server collects. Labels are route patterns, methods and statuses only.
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { ClientAuth } from './client-auth.ts';
import type { Context } from './context.ts';

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

type Child = [ReturnType<Counter['labels']>, ReturnType<Histogram['labels']>];

export class Metrics {
  readonly registry = new Registry();
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

  countJwtRefusal(reason: string): void {
    this.#jwtRefusals.inc({ reason });
  }

  /** Finding a child by its labels costs more than counting. Bounded: routes are patterns, methods few. */
  readonly #children = new Map<string, Child>();

  #collectsProcess = false;

  /** The exposition format; from the first time on with what Node tells of the process. */
  async expose(): Promise<string> {
    if (!this.#collectsProcess) collectDefaultMetrics({ register: this.registry });
    this.#collectsProcess = true;
    return this.registry.metrics();
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
