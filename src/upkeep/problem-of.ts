// What a log line says of an error.

/** Messages of databases quote statements; names and our own sentences do not. */
export function problemOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  const reason = cause === undefined ? '' : `: ${(cause as { code?: string }).code ?? (cause as Error).name}`;
  return name === 'StoreUnavailable' ? `${name}${reason}` : `${name}: ${message}${reason}`;
}
