// What an operator reads when a command fails: options instead of members of the API, and what to do about what.
import { tmpdir } from 'node:os';
import test from 'ava';
import { describeFailure } from '../../src/cli/failure.ts';
import { inOptions } from '../../src/cli/option-names.ts';
import { newClientBody, rotateBody } from '../../src/wire/clients.ts';
import { newIssuerBody } from '../../src/wire/issuers.ts';
import { revocationBody } from '../../src/wire/revocations.ts';
import { freshDatabase } from '../helpers/databases.ts';
import { cli } from '../helpers/run.ts';
import { byHand } from '../helpers/tamper.ts';

test('every member that an option gives is told by its option', (t) => {
  const members = [newClientBody, rotateBody, newIssuerBody].flatMap(({ shape }) => Object.keys(shape));
  const nested = ['claims.user.0', 'scope_permissions.foo.0', 'inbox.kinds.0', 'refresh_marker.claim'];
  const targets = revocationBody.shape.target.options.flatMap(({ shape }) =>
    Object.keys(shape).map((name) => `target.${name}`),
  );
  const orders = Object.keys(revocationBody.shape);
  // Flags that cannot be wrong, and what stands for several options.
  const others = ['reuses_ids', 'claims', 'inbox', 'target', 'target.kind', 'dry_run'];
  for (const name of [...members, ...nested, ...targets, ...orders].filter((name) => !others.includes(name)))
    t.regex(inOptions(`${name} is missing`), /^--[a-z-]+( or --[a-z-]+)? is missing$/, name);
});

test('members are told by their options within a message, and English stays English', (t) => {
  t.is(
    inOptions('jwks is one of three: give discovery, jwks_uri or jwks, and only one'),
    '--jwks-file is one of three: give --discover, --jwks-uri or --jwks-file, and only one',
  );
  t.is(
    inOptions('permissions must be empty for a client that has other permissions'),
    '--permission must be empty for a client that has other permissions',
  );
  t.is(inOptions('There is no client with this id.'), 'There is no client with this id.');
});

test('what is wrong with a path names the path, and what is wrong with a port the port', (t) => {
  const failure = (code: string, more: object) =>
    describeFailure(new Error('outer', { cause: Object.assign(new Error('inner'), { code, ...more }) }));
  t.regex(failure('ENOTDIR', { syscall: 'mkdir', path: '/etc/passwd/x' }), /^\/etc\/passwd\/x leads through/);
  t.regex(failure('EACCES', { syscall: 'open', path: '/root/x' }), /^\/root\/x may not be read or written/);
  t.regex(failure('ENOENT', { syscall: 'open', path: '/x/y' }), /^\/x\/y is not there, or its folder is not/);
  t.regex(failure('EROFS', { syscall: 'open', path: '/x/y' }), /^\/x\/y is where nothing may be written/);
  const listen = { syscall: 'listen', address: '127.0.0.1', port: 3000 };
  t.regex(failure('EACCES', listen), /^127\.0\.0\.1:3000 is not for this user to listen on/);
  t.regex(failure('EADDRINUSE', listen), /^127\.0\.0\.1:3000 is taken/);
  t.regex(failure('EADDRINUSE', { ...listen, address: '::1' }), /^\[::1\]:3000 is taken/);
  t.regex(failure('EADDRNOTAVAIL', { syscall: 'listen' }), /no address that HOST \(or ADMIN_HOST\) names/);
  t.is(failure('EWHATEVER', {}), 'It failed: inner');
});

test('what a disk does to a database is told with what to do', (t) => {
  const failure = (code: string) => describeFailure(Object.assign(new Error('inner'), { code }));
  for (const code of ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', '53100'])
    t.regex(failure(code), /^The disk is full\. /, code);
  t.regex(failure('SQLITE_CORRUPT_INDEX'), /^The database file is damaged\. .* restore a backup/);
  t.regex(failure('SQLITE_IOERR_GETTEMPPATH'), /^SQLite finds no folder .* SQLITE_TMPDIR\.$/);
  t.regex(failure('SQLITE_IOERR_WRITE'), /^The disk does not read or write the database file\. /);
  t.regex(failure('SEVERAL_NAMES'), /^The database file has a second name .* remove them\./);
  t.regex(failure('28000'), /^The database does not let in the user/);
});

test('a TLS that the database does not offer, or cannot prove, is told with what to do', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(() => database.drop());
  const DATABASE_URL = new URL(database.url);
  DATABASE_URL.searchParams.set('sslmode', 'verify-full');
  const withoutTls = await cli(['migrate', 'status'], { DATABASE_URL: DATABASE_URL.href });
  t.is(withoutTls.code, 1);
  t.regex(withoutTls.stderr, /^The database has no TLS, .* sslmode=disable\.\n$/);
  const failure = (code: string) => describeFailure(Object.assign(new Error('inner'), { code }));
  for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT'])
    t.regex(failure(code), /&sslrootcert=FILE\.$/);
  for (const code of ['ERR_OSSL_PEM_NO_START_LINE', 'ERR_OSSL_UNSUPPORTED'])
    t.regex(failure(code), /^What sslcert or sslkey in DATABASE_URL names is not .* in PEM\./);
  t.regex(
    failure('ERR_OSSL_X509_KEY_VALUES_MISMATCH'),
    /^The key that sslkey .* is not that of .* sslcert\./,
  );
});

test('a folder in the place of a file of TLS is told with where to look', async (t) => {
  const DATABASE_URL = `postgres://127.0.0.1/x?sslmode=verify-full&sslrootcert=${encodeURIComponent(tmpdir())}`;
  const { code, stderr } = await cli(['migrate', 'status'], { DATABASE_URL });
  t.is(code, 1);
  t.regex(
    stderr,
    /^A folder is named where a file is to be: look at sslrootcert, sslcert and sslkey in DATABASE_URL\.\n$/,
  );
});

test('a Postgres that lets nobody in, or nothing be written, is told with what to do', (t) => {
  const failure = (code: string, more: object = {}) =>
    describeFailure(Object.assign(new Error('inner'), { code, ...more }));
  t.regex(failure('28000'), /add sslmode=verify-full; .* sslcert=FILE and sslkey=FILE\.$/);
  t.regex(failure('28P01'), /^The database refused the user or the password/);
  const noPassword = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
  t.regex(describeFailure(noPassword), /^The database asks for a password, and DATABASE_URL has none\./);
  const socket = { syscall: 'connect', address: '/nowhere/.s.PGSQL.5432' };
  t.regex(failure('ENOENT', socket), /^There is no socket of Postgres where DATABASE_URL points\./);
  t.regex(failure('25006'), /^The database is read-only .* free room, and make it writable\.$/);
  t.regex(failure('3F000'), /^The database has no schema for this user .* search_path = SCHEMA\.$/);
});

test('a Postgres that goes away, or is not there yet, is told with what to do', (t) => {
  const failure = (message: string, code?: string) =>
    describeFailure(new Error('outer', { cause: Object.assign(new Error(message), { code }) }));
  const lost = /^The connection to the database was lost: .* repeat what is missing\.$/;
  for (const code of ['57P01', '57P02', 'ECONNRESET']) t.regex(failure('inner', code), lost, code);
  t.regex(failure('Connection terminated unexpectedly'), lost);
  t.regex(failure('ROLLBACK - Client has encountered a connection error and is not queryable'), lost);
  t.regex(failure('inner', '57P03'), /^The database is starting, stopping or recovering\. /);
});

test('where another program is at home in the database, that is told with what to do', async (t) => {
  for (const [table, remedy] of [
    ['tokens (id int)', /^Another program has a table of the same name there\. /],
    [
      "knex_migrations as select 1 as id, 'users'::text as name",
      /If another program notes its migrations there, /,
    ],
  ] as const) {
    const database = await freshDatabase('postgres');
    t.teardown(() => database.drop());
    await byHand(database, (run) => run(`create table ${table}`));
    const { code, stderr } = await cli(['migrate', 'up'], { DATABASE_URL: database.url });
    t.is(code, 1);
    t.regex(stderr, remedy);
  }
});

test('what lies between the server and Postgres is told with what to do', (t) => {
  const failure = (code: string) => describeFailure(Object.assign(new Error('inner'), { code }));
  for (const code of ['26000', '42P05', 'SESSION_SHARED'])
    t.regex(failure(code), /pool_mode = session/, code);
  const statements = 'transaction blocks not allowed in statement pooling mode';
  t.regex(describeFailure(Object.assign(new Error(statements), { code: '08P01' })), /pool_mode = session/);
  const timeout = new Error('outer', { cause: new Error('operation timed out for an unknown reason') });
  t.regex(describeFailure(timeout), /^The database gives no connection within five seconds: .* Poolers\)\.$/);
  t.regex(failure('53300'), /^Postgres takes no more connections\. Allow more/);
  t.regex(failure('IS_STANDBY'), /^DATABASE_URL leads to a standby .* name the primary/);
});

test('a command that is not there is told in the same words at every level, with what is like it', async (t) => {
  for (const [args, stderr] of [
    [['clint'], "error: unknown command 'clint'\n(Did you mean client?)\n(see --help)\n"],
    [['client', 'lst'], "error: unknown command 'lst'\n(Did you mean list?)\n(see --help)\n"],
  ] as const)
    t.deepEqual(await cli(args, {}), { code: 1, stdout: '', stderr });
});
