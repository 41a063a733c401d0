// How long requests took, as a Prometheus histogram by route. The library's own looks up labels at each observation,
// which costs more than all else that is observed of a request; here a route is a few numbers.
import type { Metric, MetricValueWithName, Registry } from 'prom-client';

const name = 'revocation_http_request_seconds';
const help = 'Time to answer, by route';
const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Times of one route. */
export class RequestTimes {
  /**
   * By bucket: requests that took at most its bound, and longer than the bound before; the last bucket has no bound.
   */
  readonly #counts = new Array<number>(boundsSeconds.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    let bound = 0;
    while (seconds > (boundsSeconds[bound] as number)) bound++;
    this.#counts[bound] = (this.#counts[bound] as number) + 1;
    this.#sum += seconds;
  }

  values(route: string): MetricValueWithName<string>[] {
    let count = 0;
    const buckets = this.#counts.map((more, n) => {
      count += more;
      const le = n < boundsSeconds.length ? (boundsSeconds[n] as number) : '+Inf';
      return { metricName: `${name}_bucket`, labels: { le, route }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: { route }, value: this.#sum },
      { metricName: `${name}_count`, labels: { route }, value: count },
    ];
  }
}

/** Registers the histogram: to the registry, anything with a name and a `get` is a metric. */
export function exposeTimes(registry: Registry, byRoute: ReadonlyMap<string, RequestTimes>): void {
  const get = async () => {
    const values = [...byRoute].flatMap(([route, times]) => times.values(route));
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  registry.registerMetric({ name, get } as unknown as Metric);
}
