// What DATABASE_URL may be: `sqlite:PATH`, the path relative to the working directory, or `postgres://…`.

/** The file of a `sqlite:` URL; undefined for another database, and for what names no file. */
export function sqlitePathOf(databaseUrl: string): string | undefined {
  // Also as a URL without a host: sqlite:///var/lib/revocation.sqlite.
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/s.exec(databaseUrl)?.[1];
  return path === undefined || path === ':memory:' || /^\/\/[^/]/.test(path) ? undefined : path;
}

export function isPostgresUrl(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}
