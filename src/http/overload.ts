// Overload: excess requests are refused at once, so that accepted ones are answered soon. Introspections, the most
// frequent, are bounded by how many are under way; the lines of the store bound everything else. Each refusal is
// counted, and the log reports them in sum now and then.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { WaitingLine } from '../domain/store.ts';
import { Refusal, render } from '../wire/refusal.ts';
import type { Metrics } from './ops/metrics.ts';
import { pathOf } from './request-target.ts';
import { headersOf, retryAfterSeconds, send } from './respond.ts';
import { requestIdOf } from './secrecy.ts';
import { SummedLine } from './summed-line.ts';

/**
 * Refusals written in one turn of the event loop, a quarter of what may be answered in it. Who is refused often asks
 * again at once. Measured: with 1,000 a turn less than half as many requests were answered; with refusals written as they
 * came, accepted work, revocations included, waited for seconds.
 */
const refusalsATurn = 200;

export type RefusedWork = WaitingLine | 'introspection' | 'body';

export interface OverloadParts {
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly introspectionsAtOnceMax: number;
}

export class Overload {
  readonly #parts: OverloadParts;
  readonly #paths: ReadonlySet<string> = new Set(['/introspect', '/introspect/batch']);
  readonly #message: string;
  readonly #refusal: { readonly status: number; readonly text: string };
  readonly #unlogged = new Map<RefusedWork, number>();
  readonly #line = new SummedLine<RefusedWork>(() => this.#logRefusals());
  /** Not written yet; each on a connection that asks nothing else meanwhile. */
  readonly #refused: { readonly response: ServerResponse; readonly requestId: string }[] = [];
  #underWay = 0;

  constructor(parts: OverloadParts) {
    this.#parts = parts;
    const { introspectionsAtOnceMax: max } = parts;
    this.#message = `too many introspections are under way, at most ${max} may be; try again`;
    const { status, body } = render(new Refusal('temporarily_unavailable', this.#message), 'oauth');
    this.#refusal = { status, text: JSON.stringify(body) };
  }

  /**
   * Comes before everything else: beyond the bound, introspections are refused before anything is read or looked up,
   * for a third of what an answer costs. On one event loop, accepted work delays all that comes after it, revocations
   * included.
   */
  guard(handle: RequestListener): RequestListener {
    return (request, response) => {
      if (this.#isFull && request.method === 'POST' && this.#paths.has(pathOf(request)))
        this.#refuse(request, response);
      else handle(request, response);
    };
  }

  /**
   * Runs work that weighs as much as this many introspections, or refuses it. Called once the caller is known: what
   * nobody vouches for, such as a body that never comes, must not take up room. `guard` let the request in before that,
   * so there may be no room left by now.
   */
  async run<T>(introspections: number, work: () => Promise<T>): Promise<T> {
    if (this.#isFull) {
      this.countRefusal('introspection');
      throw new Refusal('temporarily_unavailable', this.#message);
    }
    this.#underWay += introspections;
    try {
      return await work();
    } finally {
      this.#underWay -= introspections;
    }
  }

  /** Counts a refusal of this class or of the store, at once in the metrics, in sum in the log. */
  countRefusal(work: RefusedWork): void {
    this.#parts.metrics.countOverloadRefusal(work);
    this.#unlogged.set(work, (this.#unlogged.get(work) ?? 0) + 1);
    this.#line.add(work);
  }

  /** Logs the refusals that are not in the log yet. */
  flush(): void {
    this.#line.flush();
  }

  #logRefusals(): void {
    const refused = Object.fromEntries(this.#unlogged);
    this.#unlogged.clear();
    this.#parts.log.warn(
      { refused },
      'more requests came than can be answered in time; what was too much got 503',
    );
  }

  get #isFull(): boolean {
    return this.#underWay >= this.#parts.introspectionsAtOnceMax;
  }

  #refuse(request: IncomingMessage, response: ServerResponse): void {
    this.countRefusal('introspection');
    this.#refused.push({ response, requestId: requestIdOf(request) });
    if (this.#refused.length === 1) setImmediate(() => this.#writeRefusals());
  }

  #writeRefusals(): void {
    const { status, text } = this.#refusal;
    for (const { response, requestId } of this.#refused.splice(0, refusalsATurn)) {
      const headers = headersOf(text, 'application/json', requestId);
      send(response, status, [...headers, 'Retry-After', retryAfterSeconds], text);
    }
    if (this.#refused.length > 0) setImmediate(() => this.#writeRefusals());
  }
}
