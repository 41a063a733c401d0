// What every request passes through: its identity, its line in the log, and the one place where errors
// become answers.
import type { BlockList } from 'node:net';
import type { Logger } from 'pino';
import { KeysUnavailable } from '../domain/known-token.ts';
import { StoreOverloaded, StoreUnavailable } from '../domain/store.ts';
import { parseBasic } from './auth-methods/secret.ts';
import { addressOf, bearerOf, type Context, type Next, protect, requestIdOf } from './context.ts';
import type { Metrics } from './metrics.ts';
import { type Overload, retryAfterSeconds } from './overload.ts';
import { Refusal, render } from './refusal.ts';
import { respond, setCommonHeaders } from './respond.ts';
import { discardRest } from './unreadable.ts';

/** Names the request, and sees to it that every answer has the headers that all have. */
export function identify(log: Logger, trusted: BlockList) {
  return async function identify(ctx: Context, next: Next): Promise<void> {
    ctx.state.requestId = requestIdOf(ctx.get('x-request-id'));
    ctx.state.ip = addressOf(ctx.req.socket.remoteAddress ?? '', ctx.get('x-forwarded-for'), trusted);
    ctx.state.family = 'v1';
    ctx.state.route = 'none';
    ctx.state.clientId = null;
    ctx.state.caller = null;
    ctx.state.body = null;
    ctx.state.secrets = new Set();
    ctx.state.userAgent = undefined;
    ctx.state.log = log;
    protectHeader(ctx);
    await next();
    if (!ctx.res.headersSent) setCommonHeaders(ctx);
  };
}

/** Only a request id that the caller chose can hold a secret; those of bodies are protected when they are read. */
function protectHeader(ctx: Context): void {
  if (ctx.get('x-request-id') === '') return;
  const basic = parseBasic(ctx.get('authorization').replace(/^basic +/i, ''));
  protect(ctx, [basic?.clientSecret ?? bearerOf(ctx) ?? '']);
}

/** Counts every request; writes a line for each at level debug. */
export function observe(metrics: Metrics) {
  return async function observe(ctx: Context, next: Next): Promise<void> {
    const began = performance.now();
    await next();
    const seconds = (performance.now() - began) / 1000;
    const { route, requestId, clientId, log } = ctx.state;
    metrics.count(ctx.method, route, ctx.status, seconds);
    const ms = Math.round(seconds * 1000);
    log.debug(
      { request_id: requestId, client_id: clientId, method: ctx.method, route, status: ctx.status, ms },
      'request',
    );
  };
}

/** Turns whatever is thrown into the answer of the endpoint's family. No other code does. */
export function answerErrors(overload: Overload) {
  return async function answerErrors(ctx: Context, next: Next): Promise<void> {
    try {
      await next();
    } catch (error) {
      if (error instanceof StoreOverloaded) overload.note(error.line);
      const refusal = refusalOf(error, ctx);
      const { status, contentType, headers, body } = render(refusal, ctx.state.family);
      ctx.set({ ...headers, ...refusal.headers });
      if (status === 503 && !refusal.headers['Retry-After']) ctx.set('Retry-After', retryAfterSeconds);
      respond(ctx, status, body, contentType);
      discardRest(ctx.req);
    }
  };
}

/** What the caller is told of an error; where that is not all, the log is told the rest. */
export function refusalOf(error: unknown, ctx: Context): Refusal {
  if (error instanceof Refusal) return error;
  // Counted and told of by the few: a line for each would be a load of its own.
  if (error instanceof StoreOverloaded) return new Refusal('temporarily_unavailable', error.message);
  const { log, requestId, route } = ctx.state;
  const fields = { request_id: requestId, route, ...describe(error) };
  if (error instanceof StoreUnavailable) {
    log.error(
      fields,
      'the database cannot be used; check that it runs and has room, that DATABASE_URL is right, and `migrate status`',
    );
    return new Refusal('temporarily_unavailable', 'the server cannot answer reliably now, try again');
  }
  if (error instanceof KeysUnavailable) {
    log.warn(fields, "a token cannot be verified now; see the line about its issuer's keys");
    const headers = { 'Retry-After': String(error.retryAfterSeconds) };
    return new Refusal('temporarily_unavailable', 'the keys of an issuer cannot be had, try again', {
      headers,
    });
  }
  log.error(fields, 'a request failed in an unforeseen way; please report it with this line');
  return new Refusal('server_error', 'the server failed');
}

/**
 * What may be logged of an error: its names, codes and place. Not its message where a database wrote it:
 * those quote statements and values.
 */
export function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code } = error as { code?: unknown };
  const cause = error.cause === undefined ? {} : { cause: withoutMessage(error.cause) };
  const isOurs = error instanceof StoreUnavailable;
  const stack = isOurs
    ? {}
    : {
        stack: error.stack
          ?.split('\n')
          .filter((line) => /^\s+at /.test(line))
          .slice(0, 8),
      };
  return {
    error: error.name,
    ...(isOurs ? { message: error.message } : {}),
    ...(code ? { code } : {}),
    ...stack,
    ...cause,
  };
}

function withoutMessage(cause: unknown): unknown {
  const { name, code, routine, constraint } = cause as Record<string, unknown>;
  return { name, code, routine, constraint };
}
