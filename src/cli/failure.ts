// Error messages on the console, of commands and of a start that failed: what went wrong, and what the operator can do.
// What the log says of errors is in logged-errors.ts.

const diskFull =
  'The disk is full. What was under way was not written. Free room where DATABASE_URL points, then repeat.';

const untrusted =
  'The certificate of the database is signed by nobody whom this machine trusts. ' +
  "Name its authority's file in DATABASE_URL: &sslrootcert=FILE.";

const noPem =
  'What sslcert or sslkey in DATABASE_URL names is not a certificate, or not a key, in PEM. Correct them.';

const pooler =
  'Something in front of Postgres shares its sessions, as PgBouncer does with pool_mode = transaction. Let it keep them ' +
  '(pool_mode = session), or let DATABASE_URL lead to Postgres itself.';

const lost =
  'The connection to the database was lost: it was stopped or restarted, or the network failed. What was under way may ' +
  'have been done or not. Once the database is back, look, and repeat what is missing.';

/** By code, or by message where there is none. */
const remedies: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The certificate of the database has expired. Renew it there.',
  'Client has encountered a connection error and is not queryable': lost,
  'Connection terminated unexpectedly': lost,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ECONNREFUSED:
    'Nothing listens where DATABASE_URL points. Start the database there, or correct DATABASE_URL.',
  ECONNRESET: lost,
  EAI_AGAIN: 'The host in DATABASE_URL cannot be looked up now. Check DNS and the network, then repeat.',
  ENOENT:
    'There is no socket of Postgres where DATABASE_URL points. Start the database, or correct DATABASE_URL.',
  EISDIR: 'A folder is named where a file is to be: look at sslrootcert, sslcert and sslkey in DATABASE_URL.',
  ERR_OSSL_PEM_NO_START_LINE: noPem,
  ERR_OSSL_UNSUPPORTED: noPem,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH:
    'The key that sslkey in DATABASE_URL names is not that of the certificate in sslcert. Correct them.',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The certificate of the database is for another host than DATABASE_URL names. Name that host there.',
  ETIMEDOUT:
    'The host in DATABASE_URL does not answer. Correct it, or look at the network and its firewalls.',
  ENOTFOUND: 'The host in DATABASE_URL is not known. Correct DATABASE_URL.',
  IS_STANDBY:
    'DATABASE_URL leads to a standby of Postgres, which may not know the latest revocations. Let it name the primary.',
  NO_DATABASE:
    'There is no database where DATABASE_URL points (a relative path counts from the working directory). ' +
    'Correct it; or make one: start the server, or run: npm run -s cli -- migrate up',
  MIGRATIONS_PENDING:
    'The database has no schema of this program yet, or an older one. Run: npm run -s cli -- migrate up',
  NOT_ON_STANDBY:
    'The wait for a synchronous standby of Postgres was cancelled. What was under way is written, but the standby may lack it. ' +
    'Once standbys answer, repeat it.',
  NOT_UTF8:
    'The encoding of the database is not UTF8, so that revocations could fail for a letter in a name. Make another one: ' +
    'createdb -E UTF8 -T template0 NAME.',
  SCHEMA_NEWER:
    'The schema of the database is newer than this program, which would not see all that counts there. Run the version ' +
    'that brought it up to date (`migrate status` shows what is not known here), or a later one. If another program notes ' +
    'its migrations there, give this one a database of its own.',
  'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string':
    'The database asks for a password, and DATABASE_URL has none. Give it there.',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  SEVERAL_NAMES:
    'The database file has a second name (a hard link). Who opens it by the other one would destroy it. Keep one name: ' +
    'find the others with find -samefile, and remove them.',
  SESSION_SHARED: pooler,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  'The server does not support SSL connections':
    'The database has no TLS, which sslmode in DATABASE_URL asks for. Switch it on there (ssl = on in postgresql.conf); ' +
    'or, if it runs on this machine, give sslmode=disable.',
  'operation timed out for an unknown reason':
    'The database gives no connection within five seconds: it does not answer, or a pooler in front of it has none left ' +
    '(docs/operating.md, Poolers).',
  'transaction blocks not allowed in statement pooling mode': pooler,
  '25006':
    'The database is read-only (default_transaction_read_only). Some providers make it so when its disk is full: free room, ' +
    'and make it writable.',
  '26000': pooler,
  '28000':
    'The database does not let in the user whom DATABASE_URL names. Correct it, or let the user in: createuser NAME, pg_hba.conf. ' +
    'If it lets in over TLS only, add sslmode=verify-full; if only with a certificate, sslcert=FILE and sslkey=FILE.',
  '28P01': 'The database refused the user or the password in DATABASE_URL. Correct them.',
  '3D000': 'The database named in DATABASE_URL does not exist. Create it: createdb NAME.',
  '3F000':
    'The database has no schema for this user to make tables in: its search_path names none that is there. Correct it: ' +
    'alter role NAME set search_path = SCHEMA.',
  '42501':
    'The database user may not do this. As the owner of the schema, run: npm run -s cli -- migrate up; and grant the ' +
    'user of the server what it needs (docs/operating.md, Updating).',
  '42P01': 'The database has no schema yet. Run: npm run -s cli -- migrate up',
  '42P05': pooler,
  '42P07': 'Another program has a table of the same name there. Give this one a database of its own.',
  '53100': diskFull,
  '53300':
    'Postgres takes no more connections. Allow more (max_connections, or the limit of the user or database); how many a ' +
    'server opens is in docs/operating.md, Workers.',
  '57P01': lost,
  '57P02': lost,
  '57P03': 'The database is starting, stopping or recovering. Repeat in a moment.',
  ENOSPC: 'The disk is full. Free room there, then repeat.',
  SQLITE_BUSY: 'Another process has held the database for too long. Try again when it is done.',
  SQLITE_CANTOPEN: 'The database file cannot be opened. Check the path in DATABASE_URL and its permissions.',
  SQLITE_CORRUPT:
    'The database file is damaged. Stop the server, keep a copy of the file, and restore a backup (see docs/operating.md).',
  SQLITE_ERROR:
    'The database may have no schema yet. Run: npm run -s cli -- migrate up. If that says the same, another program has ' +
    'tables of the same names there: give this one a database of its own.',
  SQLITE_FULL: diskFull,
  SQLITE_IOERR:
    'The disk does not read or write the database file. See what the system says of it (dmesg), then repeat.',
  SQLITE_IOERR_GETTEMPPATH:
    'SQLite finds no folder for temporary files. Make /tmp writable, or name a folder in SQLITE_TMPDIR.',
  // The -shm cannot grow, as a long -wal asks of it.
  SQLITE_IOERR_SHMSIZE: diskFull,
  SQLITE_NOTADB: 'The file that DATABASE_URL names is not a database. Correct DATABASE_URL.',
  SQLITE_READONLY: 'This user may not write the database file or its folder. Give it the permission.',
};

/** Remedies for a failed `listen`; the message begins with the address and port. */
const listenRemedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken. Stop what listens there, or set PORT (or ADMIN_PORT) to another.',
  EACCES: 'is not for this user to listen on. Choose a port over 1023, or give the user the permission.',
};

/** Remedies for a failed file access; the message begins with the path. */
const pathRemedies: Readonly<Record<string, string>> = {
  EACCES:
    'may not be read or written by this user. Grant it, or correct the option or setting that names it.',
  EROFS:
    'is where nothing may be written (a read-only file system). Correct the option or setting that names it.',
  ENOTDIR: 'leads through something that is not a folder. Correct the option or setting that names it.',
  EEXIST: 'leads through something that is not a folder. Correct the option or setting that names it.',
  ENOENT: 'is not there, or its folder is not. Correct the option or setting that names it.',
};

export function describeFailure(error: unknown): string {
  const { code, syscall, path, address, port, message } = rootOf(error);
  if (syscall === 'listen') {
    const host = String(address).includes(':') ? `[${address}]` : address;
    return listenRemedies[code] ? `${host}:${port} ${listenRemedies[code]}` : noSuchAddress;
  }
  if (typeof path === 'string' && pathRemedies[code]) return `${path} ${pathRemedies[code]}`;
  // Knex puts the statement before what the driver says.
  const said = message.split(' - ').at(-1) ?? message;
  return remedies[code] ?? remedies[familyOf(code)] ?? remedies[said] ?? `It failed: ${message}`;
}

const noSuchAddress = 'This machine has no address that HOST (or ADMIN_HOST) names. Correct it.';

/** For a command that could not write its output. */
export function describeUnwritten({ message }: Error): string {
  return `The output could not be written: ${message}. What the command changed stays changed.`;
}

/** SQLite has finer codes: SQLITE_READONLY_DIRECTORY is one of SQLITE_READONLY. */
function familyOf(code: string): string {
  return code.split('_').slice(0, 2).join('_');
}

interface Failure {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly path?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
  readonly message?: unknown;
  readonly cause?: Failure;
  readonly errors?: readonly Failure[];
}

function rootOf(error: unknown): Failure & { code: string; message: string } {
  let root = error as Failure;
  for (let next: Failure | undefined = root; next; next = next.cause ?? next.errors?.[0]) root = next;
  return { ...root, code: String(root.code ?? ''), message: String(root.message ?? root) };
}
