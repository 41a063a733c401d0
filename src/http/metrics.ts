// GET /metrics: what a Prometheus server collects. Labels are route patterns, methods and statuses only.
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { ClientAuth } from './client-auth.ts';
import type { Context } from './context.ts';

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

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

  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  count(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status });
    this.#seconds.observe({ route }, seconds);
  }
}

export function handleMetrics(metrics: Metrics, auth: ClientAuth) {
  return async function showMetrics(ctx: Context): Promise<void> {
    await auth.permit(ctx, 'metrics');
    ctx.set('Content-Type', metrics.registry.contentType);
    ctx.body = await metrics.registry.metrics();
  };
}
