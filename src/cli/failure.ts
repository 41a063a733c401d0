// What stops a command, told to the operator: what it was, and what to do.

const notAFolder =
  'The path in DATABASE_URL leads through something that is no folder. Correct DATABASE_URL.';

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'The port is taken. Stop what listens there, or set PORT (or ADMIN_PORT) to another.',
  EACCES:
    'This user may not listen on that port or write that file. Choose a port over 1023, or give it the right.',
  ECONNREFUSED:
    'Nothing listens where DATABASE_URL points. Start the database there, or correct DATABASE_URL.',
  ENOTFOUND: 'The host in DATABASE_URL is not known. Correct DATABASE_URL.',
  NO_DATABASE:
    'There is no database where DATABASE_URL points (a relative path counts from the working directory). ' +
    'Correct it; or make one: start the server, or run `revocation-server migrate up`.',
  MIGRATIONS_PENDING:
    'The schema of the database is older than this program. Run: npm run -s cli -- migrate up',
  ENOTDIR: notAFolder,
  EEXIST: notAFolder,
  '28P01': 'The database refused the password in DATABASE_URL. Correct it.',
  '3D000': 'The database named in DATABASE_URL does not exist. Create it: createdb NAME.',
  '42501':
    'The database user may not do this. Run `revocation-server migrate up` as the owner of the schema.',
  '42P01': 'The database has no schema yet. Run: npm run -s cli -- migrate up',
  SQLITE_BUSY: 'Another process holds the database for long. Try again when it is done.',
  SQLITE_CANTOPEN: 'The database file cannot be opened. Check the path in DATABASE_URL and its permissions.',
  SQLITE_ERROR: 'The database may have no schema yet. Run: npm run -s cli -- migrate up',
  SQLITE_NOTADB: 'The file that DATABASE_URL names is no database. Correct DATABASE_URL.',
  SQLITE_READONLY: 'The database file or its folder may not be written by this user. Give it the right.',
};

export function describeFailure(error: unknown): string {
  const { code, syscall, message } = rootOf(error);
  if (syscall === 'listen' && code !== 'EADDRINUSE' && code !== 'EACCES') return noSuchAddress;
  return remedies[code] ?? remedies[familyOf(code)] ?? `It failed: ${message}`;
}

const noSuchAddress = 'This machine has no address that HOST names. Correct HOST.';

/** SQLite has finer codes: SQLITE_READONLY_DIRECTORY is one of SQLITE_READONLY. */
function familyOf(code: string): string {
  return code.split('_').slice(0, 2).join('_');
}

/** The words of the API, where they begin a message, as the options that they were given by. */
const options: Readonly<Record<string, string>> = {
  token_endpoint_auth_method: '--auth-method',
  permissions: '--permission',
  audiences: '--audience',
  allowed_origins: '--allowed-origin',
  client_secret: '--secret-stdin',
  client_id: '--id',
  confirm: '--confirm',
  jwks_uri: '--jwks-uri',
  jwks: '--jwks-file',
  algorithms: '--alg',
  types: '--type',
  default_client: '--default-client',
  default_audience: '--default-audience',
  reach: '--reach',
  'inbox.kinds': '--inbox',
  'inbox.audience': '--inbox-audience',
  'inbox.governs': '--inbox-governs',
  'inbox.subject_formats': '--inbox-subject-format',
  'target.client_id': '--only-client',
  'target.token_use': '--only-use',
};

export function inOptions(message: string): string {
  return message.replace(/^([a-z_.]+?)(\.\d+)?(?= )/, (words, name: string) => options[name] ?? words);
}

interface Failure {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  readonly cause?: Failure;
  readonly errors?: readonly Failure[];
}

function rootOf(error: unknown): Failure & { code: string; message: string } {
  let root = error as Failure;
  for (let next: Failure | undefined = root; next; next = next.cause ?? next.errors?.[0]) root = next;
  return { code: String(root.code ?? ''), message: String(root.message ?? root), syscall: root.syscall };
}
