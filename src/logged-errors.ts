// What the log may say of an error. Drivers quote statements and values in their messages, and whatever fails in an
// unforeseen way may quote anything: of those only names, codes and places are logged. What the console tells an
// operator, with remedies, is in cli/failure.ts.
import { StoreUnavailable } from './domain/store-errors.ts';
import { isObject, withoutAbsent } from './domain/values/json-values.ts';

/** For a request that failed. Of all errors here, only the message of `StoreUnavailable` is surely our own words. */
export function loggedFieldsOf(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const isOurs = error instanceof StoreUnavailable;
  return withoutAbsent({
    error: error.name,
    message: isOurs ? error.message : undefined,
    code: (error as { code?: unknown }).code || undefined,
    stack: isOurs ? undefined : placesIn(error),
    cause: error.cause === undefined ? undefined : withoutMessage(error.cause),
  });
}

/** The stack without the message, which it begins with. */
function placesIn({ stack }: Error): string[] | undefined {
  const places = stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return places?.slice(0, 8);
}

/** What drivers say of connections, which have no code and quote nothing. */
const harmlessMessages: ReadonlySet<unknown> = new Set([
  'Connection terminated unexpectedly',
  'Client has encountered a connection error and is not queryable',
  'Query read timeout',
  'timeout expired',
  'The server does not support SSL connections',
]);

function withoutMessage(cause: unknown): unknown {
  if (!isObject(cause)) return typeof cause;
  const { name, code, routine, constraint } = cause;
  return withoutAbsent({ name, code, routine, constraint, message: harmlessMessageOf(cause) });
}

/** Knex puts the statement before what the driver says. */
function harmlessMessageOf({ message }: Readonly<Record<string, unknown>>): unknown {
  const said = String(message).split(' - ').at(-1);
  return harmlessMessages.has(said) ? said : undefined;
}

/**
 * For upkeep, in one sentence. It reaches the database through the store alone, so the message of whatever fails is our
 * own or comes from files, keys and webhooks. Of the cause, which may be a driver's, only its code is logged, or what it
 * says of a connection.
 */
export function loggedSentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { name, message, cause } = error;
  return `${name}: ${message}${isObject(cause) ? `: ${cause.code ?? harmlessMessageOf(cause) ?? cause.name}` : ''}`;
}
