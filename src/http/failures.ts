// The refusal that the caller gets for whatever was thrown; what it leaves out, the log says. While the database cannot
// be used, or keys cannot be had, an issuer's or our own, every request may fail alike: these are logged in sum.
import type { Logger } from 'pino';
import { StoreOverloaded, StoreUnavailable } from '../domain/store-errors.ts';
import { KeysUnavailable } from '../domain/tokens/token-verifier.ts';
import { SigningKeysUnusable } from '../jwt/signing-keys.ts';
import { loggedFieldsOf } from '../logged-errors.ts';
import { Refusal } from '../wire/refusal.ts';
import type { Context } from './context.ts';
import type { Overload } from './overload.ts';
import { NoRoomForBody } from './reading/unfinished-bodies.ts';
import { SummedLine } from './summed-line.ts';

export interface FailureParts {
  readonly log: Logger;
  readonly overload: Overload;
}

export class Failures {
  readonly #log: Logger;
  readonly #overload: Overload;
  readonly #storeLine: SummedLine<object>;
  readonly #keysLine: SummedLine<object>;
  readonly #signingLine: SummedLine<string>;

  constructor({ log, overload }: FailureParts) {
    this.#log = log;
    this.#overload = overload;
    this.#storeLine = new SummedLine((last, refused) =>
      log.error(
        { refused, ...last },
        'the database cannot be used; check that it runs and has room, that DATABASE_URL is right, and `migrate status`',
      ),
    );
    this.#keysLine = new SummedLine((last, refused) =>
      log.warn({ refused, ...last }, "a token cannot be verified now; see the line about its issuer's keys"),
    );
    this.#signingLine = new SummedLine((problem, refused) =>
      log.error({ refused, problem }, 'answers cannot be signed, nor our own keys shown'),
    );
  }

  refusalOf(error: unknown, ctx: Context): Refusal {
    if (error instanceof Refusal) return error;
    if (error instanceof StoreOverloaded) {
      this.#overload.countRefusal(error.line);
      return new Refusal('temporarily_unavailable', error.message);
    }
    if (error instanceof NoRoomForBody) {
      this.#overload.countRefusal('body');
      return new Refusal('temporarily_unavailable', error.message);
    }
    const { names, route } = ctx.state;
    const fields = { request_id: names.requestId, route, ...loggedFieldsOf(error) };
    if (error instanceof StoreUnavailable) {
      this.#storeLine.add(fields);
      return new Refusal('temporarily_unavailable', 'the server cannot answer reliably now, try again');
    }
    if (error instanceof KeysUnavailable) {
      this.#keysLine.add(fields);
      const headers = { 'Retry-After': String(error.retryAfterSeconds) };
      return new Refusal('temporarily_unavailable', 'the keys of an issuer cannot be fetched, try again', {
        headers,
      });
    }
    if (error instanceof SigningKeysUnusable) {
      this.#signingLine.add(error.message);
      return new Refusal('temporarily_unavailable', 'the keys of this server cannot be used now, try again');
    }
    this.#log.error(fields, 'a request failed in an unforeseen way; please report it with this line');
    return new Refusal('server_error', 'the server failed');
  }

  /** Logs the failures that are not in the log yet. */
  flush(): void {
    this.#storeLine.flush();
    this.#keysLine.flush();
    this.#signingLine.flush();
  }
}
