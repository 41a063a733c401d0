// What every request passes through: its identity, its line in the log, and the one place where errors become
// answers. All in one middleware: a layer of Koa costs two promises, at the hot endpoints as much as the layer's own
// work.
import type { BlockList } from 'node:net';
import type { Logger } from 'pino';
import { addressOf } from '../addresses.ts';
import { Refusal, render } from '../wire/refusal.ts';
import { insufficientScopeChallenge } from './auth/challenges.ts';
import { bearerOf, type Context, type Next } from './context.ts';
import type { Failures } from './failures.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import type { Metrics } from './ops/metrics.ts';
import { discardRest } from './reading/body-flow.ts';
import type { UnfinishedBodies } from './reading/unfinished-bodies.ts';
import { recordRefusal } from './refused-requests.ts';
import { respond, retryAfterSeconds, setCommonHeaders } from './respond.ts';
import { ChosenNames } from './secrecy.ts';

export interface PassageParts {
  readonly log: Logger;
  /** Proxies whose word about the caller's address counts. */
  readonly trustedProxies: BlockList;
  readonly metrics: Metrics;
  readonly failures: Failures;
  readonly floodRecorder: FloodRecorder;
  readonly unfinishedBodies: UnfinishedBodies;
}

/** In order: names the request, lets it be answered, answers what is thrown, completes the headers, counts. */
export function passage(parts: PassageParts) {
  const { metrics, failures, floodRecorder } = parts;
  return async function passage(ctx: Context, next: Next): Promise<void> {
    const began = performance.now();
    identify(ctx, parts);
    try {
      await next();
    } catch (error) {
      answerError(ctx, failures, await recorded(ctx, floodRecorder, error));
    }
    if (!ctx.res.headersSent) setCommonHeaders(ctx);
    observe(ctx, metrics, performance.now() - began);
  };
}

function identify(ctx: Context, { log, trustedProxies, unfinishedBodies: bodies }: PassageParts): void {
  const { headers, socket } = ctx.req;
  const forwardedFor = headers['x-forwarded-for'] ?? '';
  ctx.state = {
    names: new ChosenNames(ctx.req),
    bodies,
    ip: addressOf(socket.remoteAddress ?? '', String(forwardedFor), trustedProxies),
    family: 'v1',
    route: 'none',
    clientId: null,
    caller: null,
    log,
  };
}

/** Counts every request; writes a line for each at level debug. */
function observe(ctx: Context, metrics: Metrics, took: number): void {
  const { names, route, clientId, log } = ctx.state;
  const { method } = ctx.req;
  const status = ctx.res.statusCode;
  metrics.count(method ?? '', route, status, took / 1000);
  if (!log.isLevelEnabled('debug')) return;
  const ms = Math.round(took);
  log.debug({ request_id: names.requestId, client_id: clientId, method, route, status, ms }, 'request');
}

/** Records a refusal, if it has to be; if that fails, the answer is 503. */
async function recorded(ctx: Context, floodRecorder: FloodRecorder, error: unknown): Promise<unknown> {
  try {
    if (error instanceof Refusal) await recordRefusal(floodRecorder, ctx, error);
    return error;
  } catch (failure) {
    return failure;
  }
}

/** Turns whatever is thrown into the answer of the endpoint's family. No other code does. */
function answerError(ctx: Context, failures: Failures, error: unknown): void {
  const refusal = failures.refusalOf(error, ctx);
  const { status, contentType, headers, body } = render(refusal, ctx.state.family);
  ctx.set({ ...headers, ...refusal.headers });
  if (status === 403 && bearerOf(ctx) !== undefined) ctx.set(insufficientScopeChallenge);
  if (status === 503 && !refusal.headers['Retry-After']) ctx.set('Retry-After', retryAfterSeconds);
  respond(ctx, status, body, contentType);
  discardRest(ctx.req);
}
