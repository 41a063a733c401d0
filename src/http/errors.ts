// What becomes of an error: the refusal that the caller gets, and what may be logged.

import { StoreOverloaded, StoreUnavailable } from '../domain/store-errors.ts';
import { KeysUnavailable } from '../domain/tokens/known-token.ts';
import { isObject } from '../domain/values/json-values.ts';
import { Refusal } from '../wire/refusal.ts';
import type { Context } from './context.ts';

/** The refusal that the caller gets for an error; if it leaves details out, they are logged. */
export function refusalOf(error: unknown, ctx: Context): Refusal {
  if (error instanceof Refusal) return error;
  // Overload is counted, and logged in sum (overload.ts): a line for each refusal would be a load of its own.
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
    return new Refusal('temporarily_unavailable', 'the keys of an issuer cannot be fetched, try again', {
      headers,
    });
  }
  log.error(fields, 'a request failed in an unforeseen way; please report it with this line');
  return new Refusal('server_error', 'the server failed');
}

/**
 * What may be logged of an error: its names, codes and place. Its message only if we wrote it ourselves: others may
 * quote statements and values.
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
  if (!isObject(cause)) return typeof cause;
  const { name, code, routine, constraint } = cause;
  return { name, code, routine, constraint };
}
