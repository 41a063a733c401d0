// The refusal that the caller gets for whatever was thrown.
import { StoreOverloaded, StoreUnavailable } from '../domain/store-errors.ts';
import { KeysUnavailable } from '../domain/tokens/token-verifier.ts';
import { loggedFieldsOf } from '../logged-errors.ts';
import { Refusal } from '../wire/refusal.ts';
import type { Context } from './context.ts';

/** The refusal that the caller gets for an error; if it leaves details out, they are logged. */
export function refusalOf(error: unknown, ctx: Context): Refusal {
  if (error instanceof Refusal) return error;
  // Overload is counted, and logged in sum (overload.ts): a line for each refusal would be a load of its own.
  if (error instanceof StoreOverloaded) return new Refusal('temporarily_unavailable', error.message);
  const { log, requestId, route } = ctx.state;
  const fields = { request_id: requestId, route, ...loggedFieldsOf(error) };
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
