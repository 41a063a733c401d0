// What DATABASE_URL may be: `sqlite:PATH`, the path relative to the working directory, or `postgres://…`.

/** The file of a `sqlite:` URL; undefined for another database, and for what names no file. */
export function sqlitePathOf(databaseUrl: string): string | undefined {
  // Also as a URL without a host: sqlite:///var/lib/revocation.sqlite.
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(databaseUrl)?.[1];
  return path === undefined || path === ':memory:' || /^\/\/[^/]/.test(path) ? undefined : path;
}

/** What the driver knows, and what providers write into their URLs though it makes no difference to it. */
const tlsParameters = [
  ...['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslnegotiation'],
  ...['sslcompression', 'sslsni', 'ssl_min_protocol_version'],
];
const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** False for a misspelt parameter or mode, which the driver would ignore: it would then go without TLS. */
export function isTlsUnderstood(postgresUrl: string): boolean {
  const { searchParams } = new URL(postgresUrl);
  const named = [...searchParams.keys()].filter((name) => /^ssl/i.test(name));
  const mode = searchParams.get('sslmode');
  return named.every((name) => tlsParameters.includes(name)) && (mode === null || tlsModes.includes(mode));
}

export function isPostgresUrl(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}
