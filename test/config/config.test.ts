// Settings: all problems at once, each with its remedy, and no insecure default in production.
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { trustedPeers } from '../../src/addresses.ts';
import { ConfigError, readConfig } from '../../src/config.ts';
import { folderOf } from '../helpers/folders.ts';

const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://u:p@db.example/tokens',
  PUBLIC_URL: 'https://tokens.example',
  SEAL_KEY_FILE: '/keys/seal.json',
};

/** Names and problems of what is wrong with these settings. */
function problemsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { remedy } of error.problems) if (!/^[A-Z].*[.?…]$/s.test(remedy)) throw new Error(remedy);
    return error.problems.map(({ name, problem }) => `${name} ${problem}`);
  }
  return [];
}

test('without a setting the server is one for a newcomer: loopback, SQLite, demo data', (t) => {
  const { production, host, port, databaseUrl, publicUrl, migrateOnStart, seedDemo } = readConfig({});
  t.deepEqual(
    { production, host, port, databaseUrl, publicUrl, migrateOnStart, seedDemo },
    {
      production: false,
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: 'sqlite:./data/revocation.sqlite',
      publicUrl: 'http://127.0.0.1:3000',
      migrateOnStart: true,
      seedDemo: true,
    },
  );
  t.false(readConfig({ HOST: '127.example' }).seedDemo, 'a name that only looks like loopback');
});

test('production has no default for what decides security, and says so all at once', (t) => {
  t.deepEqual(problemsOf({ NODE_ENV: 'production' }), ['DATABASE_URL is missing', 'PUBLIC_URL is missing']);
  t.deepEqual(problemsOf({ ...production, PUBLIC_URL: 'http://tokens.example', SEED_DEMO: 'yes' }), [
    'PUBLIC_URL is not https',
    'SEED_DEMO asks for demo clients in production',
  ]);
});

test('production seals nothing with a key that it would have to make itself, and says so', (t) => {
  t.true(readConfig(production).sealIntervalMs > 0);
  const { sealIntervalMs, warnings } = readConfig({ ...production, SEAL_KEY_FILE: '' });
  t.is(sealIntervalMs, 0);
  t.regex(warnings.join(' '), /SEAL_KEY_FILE is missing/);
});

test('a SEAL_FILE that cannot be written is warned of', (t) => {
  t.deepEqual(readConfig({ SEAL_FILE: join(tmpdir(), 'seals.txt') }).warnings, []);
  for (const SEAL_FILE of ['/nowhere/seals.txt', tmpdir()]) {
    const { warnings } = readConfig({ SEAL_FILE });
    t.regex(warnings.join(' '), /^SEAL_FILE names a file that this user cannot write/, SEAL_FILE);
  }
});

test('production serves on all addresses, seeds nothing, and leaves a Postgres schema to its operator', (t) => {
  const { host, seedDemo, migrateOnStart } = readConfig(production);
  t.deepEqual(
    { host, seedDemo, migrateOnStart },
    { host: '0.0.0.0', seedDemo: false, migrateOnStart: false },
  );
  t.true(readConfig({ ...production, DATABASE_URL: 'sqlite:/data/tokens.sqlite' }).migrateOnStart);
  t.true(readConfig({ ...production, MIGRATE_ON_START: 'yes' }).migrateOnStart);
});

test('every setting is refused for what is wrong with it', (t) => {
  const wrong: [Record<string, string>, string][] = [
    [{ PORT: '65536' }, 'PORT is not a whole number in range'],
    [{ PORT: '3000.5' }, 'PORT is not a whole number in range'],
    [{ PORT: '3000', ADMIN_PORT: '3000' }, 'ADMIN_PORT is the same as PORT'],
    [{ ADMIN_HOST: '127.0.0.1' }, 'ADMIN_HOST has no port'],
    [{ ADMIN_PORT: '9000', ADMIN_HOST: 'a b' }, 'ADMIN_HOST is no address and no host name'],
    ...['a b', 'http://x', '127.0.0.1:80', '*'].map((HOST): [{ HOST: string }, string] => [
      { HOST },
      'HOST is no address and no host name',
    ]),
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL is not a known database URL'],
    [{ DATABASE_URL: 'postgres://u:p#w@host/db' }, 'DATABASE_URL is not a known database URL'],
    [
      { DATABASE_URL: 'postgres://h/db?sslmod=require' },
      'DATABASE_URL has a parameter for TLS that is not known',
    ],
    [
      { DATABASE_URL: 'postgres://h/db?sslmode=verify-ful' },
      'DATABASE_URL has a parameter for TLS that is not known',
    ],
    [
      { DATABASE_URL: 'postgres://h/db?sslmode=require&sslmode=x' },
      'DATABASE_URL has a parameter for TLS that is not known',
    ],
    [{ DATABASE_URL: 'sqlite::memory:' }, 'DATABASE_URL is not a known database URL'],
    [{ DATABASE_URL: 'sqlite:' }, 'DATABASE_URL is not a known database URL'],
    [{ DATABASE_URL: 'sqlite://:memory:' }, 'DATABASE_URL is not a known database URL'],
    [{ DATABASE_URL: 'sqlite://data/tokens.sqlite' }, 'DATABASE_URL is not a known database URL'],
    [{ DATABASE_URL: 'sqlite:file:tokens.sqlite?mode=memory' }, 'DATABASE_URL is not a known database URL'],
    // What a file with Windows line ends leaves.
    ...['sqlite:data/tokens.sqlite\r', ' sqlite:x', 'sqlite: ', 'postgres://h/db\n'].map(
      (DATABASE_URL): [{ DATABASE_URL: string }, string] => [
        { DATABASE_URL },
        'DATABASE_URL has white space at its beginning or end',
      ],
    ),
    ...['SEAL_KEY_FILE', 'SEAL_FILE', 'SIGNING_KEYS_FILE'].map((name): [Record<string, string>, string] => [
      { [name]: 'data/file\r' },
      `${name} has white space at its beginning or end`,
    ]),
    [
      { JWT_SECRET: '0sUaZpQ7xV2mB9cKfR4tY6wE1nH3jL8d', JWT_SECRET_CLIENT: 'web ' },
      'JWT_SECRET_CLIENT has white space at its beginning or end',
    ],
    [{ PUBLIC_URL: 'tokens.example' }, 'PUBLIC_URL must be an http(s) URL without query or fragment'],
    [
      { PUBLIC_URL: 'https://tokens.example/?a=b' },
      'PUBLIC_URL must be an http(s) URL without query or fragment',
    ],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL is not one of its values'],
    [{ LOG_FORMAT: 'xml' }, 'LOG_FORMAT is not one of its values'],
    [{ TRUST_PROXY: '10.0.0.0/8,proxy.example' }, 'TRUST_PROXY has an entry of the wrong form'],
    [{ TRUST_PROXY: '10.0.0.0/8/24' }, 'TRUST_PROXY has an entry of the wrong form'],
    [{ TRUST_PROXY: '::ffff:10.0.0.1' }, 'TRUST_PROXY has an entry of the wrong form'],
    [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY has an entry of the wrong form'],
    [{ LOGOUT_ALIASES: 'api/logout' }, 'LOGOUT_ALIASES has an entry of the wrong form'],
    [{ LOGOUT_ALIASES: '/v1/logout' }, 'LOGOUT_ALIASES has an entry of the wrong form'],
    [{ MIGRATE_ON_START: 'maybe' }, 'MIGRATE_ON_START is neither yes nor no'],
    [{ SEED_DEMO: 'constructor' }, 'SEED_DEMO is neither yes nor no'],
    [{ CLOCK_SKEW_SECONDS: '-1' }, 'CLOCK_SKEW_SECONDS is not a whole number in range'],
    [{ TOKEN_LIFETIME_DAYS_MAX: '0' }, 'TOKEN_LIFETIME_DAYS_MAX is not a whole number in range'],
  ];
  for (const [env, problem] of wrong) t.deepEqual(problemsOf(env), [problem]);
});

test('a variable that is nearly a setting is refused, with the one that is meant', (t) => {
  t.deepEqual(problemsOf({ DATABASE_ULR: 'x' }), ['DATABASE_ULR is not a setting']);
  t.deepEqual(problemsOf({ PUBLIC_URLS: 'x', HOSTNAME: 'box', PATH: '/bin', POST: 'x' }), [
    'PUBLIC_URLS is not a setting',
  ]);
  t.deepEqual(problemsOf({ PROT: '1', TRUSTED_PROXY: 'x' }), [
    'PROT is not a setting',
    'TRUSTED_PROXY is not a setting',
  ]);
  const error = t.throws(() => readConfig({ PUBLC_URL: 'https://x.example' }), { instanceOf: ConfigError });
  t.regex(error.message, /Did you mean PUBLIC_URL\?/);
});

test('a slash at the end of PUBLIC_URL makes no other namespace', (t) => {
  const url = 'https://tokens.example/base';
  t.is(readConfig({ PUBLIC_URL: `${url}/` }).publicUrl, url);
  t.is(readConfig({ PUBLIC_URL: `${url}//` }).publicUrl, url);
  t.is(readConfig({ PUBLIC_URL: url }).publicUrl, url);
});

test('no problem repeats a value', (t) => {
  const secret = 'mysql://user:a-password@db';
  const error = t.throws(() => readConfig({ DATABASE_URL: secret, PORT: 'a-password' }), {
    instanceOf: ConfigError,
  });
  t.notRegex(error.message, /a-password/);
});

test('a secret may stand in a file, but not in both', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'url');
  await writeFile(file, 'postgres://u:p@db.example/tokens\n');
  t.is(readConfig({ DATABASE_URL_FILE: file }).databaseUrl, 'postgres://u:p@db.example/tokens');
  t.deepEqual(problemsOf({ DATABASE_URL_FILE: file, DATABASE_URL: 'sqlite:x' }), [
    'DATABASE_URL is given, and so is DATABASE_URL_FILE',
  ]);
  const empty = join(folder, 'empty');
  await writeFile(empty, '\n');
  const named = { ...production, DATABASE_URL: '' };
  t.deepEqual(problemsOf({ ...named, DATABASE_URL_FILE: empty }), ['DATABASE_URL_FILE names an empty file']);
  for (const DATABASE_URL_FILE of [folder, `${file}.gone`])
    t.deepEqual(problemsOf({ ...named, DATABASE_URL_FILE }), [
      'DATABASE_URL_FILE names a file that cannot be read',
    ]);
  t.deepEqual(problemsOf({ DATABASE_URL_FILE: `${file}.gone` }), [
    'DATABASE_URL_FILE names a file that cannot be read',
  ]);
});

test('trusted peers are the listed addresses and networks', (t) => {
  const peers = trustedPeers(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']);
  t.true(peers.check('10.200.0.1'));
  t.true(peers.check('192.0.2.1'));
  t.false(peers.check('192.0.2.2'));
  t.true(peers.check('2001:db8:1::1', 'ipv6'));
});

test('settings are the same after their way to a worker, as a message', (t) => {
  const env = { WORKERS: '2', JWT_SECRET: `${'k'.repeat(16)}q1w2e3r4t5z6u7i8`, AUDIT_RETENTION_DAYS: '30' };
  const config = readConfig(env);
  t.deepEqual(JSON.parse(JSON.stringify(config)), config);
  t.is(config.workers, 2);
});
