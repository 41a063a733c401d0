// What DATABASE_URL may be: `sqlite:PATH`, the path relative to the working directory, or `postgres://…`.

/** A database in memory, SQLite's own URIs (`file:PATH?mode=…`), and URLs with a host. */
const noPath = /^(?::memory:$|file:|\/\/[^/])/;

/** The file of a `sqlite:` URL; undefined for another database, and for what names no file. */
export function sqlitePathOf(databaseUrl: string): string | undefined {
  // Also as a URL without a host: sqlite:///var/lib/revocation.sqlite.
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(databaseUrl)?.[1];
  return path === undefined || noPath.test(path) ? undefined : path;
}

const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const tlsParameters = ['ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslnegotiation'];

/**
 * False for a mode that the driver does not know, and for a misspelt name of it: without a mode it goes without TLS.
 * Beside a mode, names that the driver ignores do no harm; providers write some.
 */
export function isTlsUnderstood(postgresUrl: string): boolean {
  const { searchParams } = new URL(postgresUrl);
  const modes = searchParams.getAll('sslmode');
  if (modes.length > 0) return modes.every((mode) => tlsModes.includes(mode));
  return [...searchParams.keys()].every((name) => !/^ssl/i.test(name) || tlsParameters.includes(name));
}

export function isPostgresUrl(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}
