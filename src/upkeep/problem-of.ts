// What a log line says of an error.
import { isObject } from '../domain/values/json-values.ts';

/** Messages of databases quote statements; names and our own sentences do not. */
export function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { name, message, cause } = error;
  const reason = isObject(cause) ? `: ${cause.code ?? cause.name}` : '';
  return name === 'StoreUnavailable' ? `${name}${reason}` : `${name}: ${message}${reason}`;
}
