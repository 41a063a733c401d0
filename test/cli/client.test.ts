// `client …` on the command line: what the API takes, in options.
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { cli, type Ran, run } from '../helpers/run.ts';

const ownSecret = 'a secret that somebody has chosen, long enough';

function client(app: TestApp, args: readonly string[], input?: string): Promise<Ran> {
  return cli(['client', ...args, '--json'], { DATABASE_URL: app.database.url }, input);
}

testEachDatabase('a generated secret is shown, one that was given is not', async (t, app) => {
  const generated = await client(app, ['create', '--id', 'one']);
  t.true(JSON.parse(generated.stdout).client_secret.length >= 32, generated.stderr);
  const given = await client(app, ['create', '--id', 'two', '--secret-stdin'], `${ownSecret}\n`);
  t.is(given.code, 0, given.stderr);
  t.false('client_secret' in JSON.parse(given.stdout));
  const rotated = await client(app, ['rotate-secret', 'one', '--secret-stdin'], `${ownSecret}\n`);
  t.is(rotated.code, 0, rotated.stderr);
  t.deepEqual(Object.keys(JSON.parse(rotated.stdout)), ['client_id', 'previous_expires_at']);
});

testEachDatabase('an option that is not known is named without its value', async (t, app) => {
  for (const [option, named] of Object.entries({
    [`--secret=${ownSecret}`]: '--secret',
    [`-p${ownSecret}`]: '-p',
  })) {
    const { code, stderr } = await client(app, ['create', '--id', 'one', option]);
    t.is(code, 1);
    t.true(stderr.startsWith(`error: unknown option '${named}'\n`), stderr);
    t.false(stderr.includes(ownSecret));
  }
});

testEachDatabase(
  'a secret that could not be written is told to be lost, and its client to exist',
  async (t, app) => {
    const env = { DATABASE_URL: app.database.url };
    const into = (command: string, place: string) =>
      run('sh', ['-c', `"${process.execPath}" dist/src/cli/main.js client ${command} ${place}`], env);
    const unwritten =
      'The output could not be written: ENOSPC: no space left on device, write. What the command changed stays changed.\n';
    const lost = 'The secret is lost, and the client exists; `client rotate-secret one` gives it another.\n';
    t.deepEqual(await into('create --id one', '>/dev/full'), {
      code: 1,
      stdout: '',
      stderr: lost + unwritten,
    });
    t.deepEqual(await into('list', '>/dev/full'), { code: 1, stdout: '', stderr: unwritten });
    t.true(JSON.parse((await client(app, ['rotate-secret', 'one'])).stdout).client_secret.length >= 32);
  },
);

testEachDatabase(
  'only a client that sees no tokens for lack of an audience is warned of it',
  async (t, app) => {
    const told =
      'It has no --audience, so it sees no tokens but its own: give it one, or the permission introspect:any.\n';
    const created = async (id: string, ...options: string[]) =>
      (await client(app, ['create', '--id', id, '--permission', ...options])).stderr;
    t.is(await created('blind', 'introspect'), told);
    t.is(await created('one', 'introspect', '--audience', 'https://api.example.com'), '');
    t.is(await created('all', 'introspect,introspect:any'), '');
    t.is(await created('issuer', 'register,introspect'), '');
  },
);

testEachDatabase('client create takes every certificate name, and scopes', async (t, app) => {
  const tls = ['--auth-method', 'tls_client_auth', '--tls-san-uri', 'https://api.example/one'];
  const { code, stdout, stderr } = await client(app, [
    'create',
    '--id',
    'api',
    ...tls,
    '--scope',
    'read write',
  ]);
  t.is(code, 0, stderr);
  t.is(
    stderr,
    'It cannot authenticate by certificate with these settings: set CLIENT_CERT_PROXIES, and for tls_client_auth TLS_CLIENT_CA_FILE, too.\n',
  );
  t.like(JSON.parse(stdout), {
    tls_client_auth_san_uri: 'https://api.example/one',
    scope: 'read write',
  });
});

testEachDatabase('client commands name the option that is wrong, and do nothing', async (t, app) => {
  await client(app, ['create', '--id', 'one']);
  for (const [args, input, message] of [
    [['create', '--id', 'x', '--origin', 'foo'], '', /^--origin must be an origin/],
    [['create', '--id', 'x', '--secret-stdin'], 'short', /^--secret-stdin is under 32 characters/],
    [
      ['create', '--id', 'x', '--auth-method', 'none', '--secret-stdin'],
      ownSecret,
      /^--secret-stdin goes with/,
    ],
    [['create', '--id', 'x', '--tls-san-dns', 'a.example'], '', /^--tls-san-dns goes with tls_client_auth/],
    [
      [
        'create',
        '--id',
        'x',
        '--auth-method',
        'tls_client_auth',
        '--tls-san-ip',
        '::1',
        '--tls-san-dns',
        'a',
      ],
      '',
      /^--tls-san-ip is given, and so is --tls-san-dns/,
    ],
    [['rotate-secret', 'one', '--secret-stdin'], 'short', /^--secret-stdin is under 32 characters/],
    [['rotate-secret', 'one', '--overlap', '9999999'], '', /^--overlap is over/],
    [['update', 'one', '--origin', 'foo'], '', /^--origin must be an origin/],
    [['update', 'one', '--unset', 'secrets'], '', /^secrets is no member that can be changed/],
    [['update', 'one', '--unset', 'constructor'], '', /^constructor is no member that can be changed/],
    [['update', 'one'], '', /^Nothing to change is named/],
    [['update', 'two', '--name', 'x'], '', /^There is no client with this id/],
  ] as const) {
    const { code, stderr } = await client(app, args, input);
    t.is(code, 1, args.join(' '));
    t.regex(stderr, message);
  }
  t.is(await app.store.ask((facts) => facts.client('x')), undefined);
});

testEachDatabase('client update changes what its options name', async (t, app) => {
  await client(app, ['create', '--id', 'one', '--name', 'One', '--permission', 'audit,sessions']);
  const update = async (...args: string[]) => {
    const { code, stdout, stderr } = await client(app, ['update', 'one', ...args]);
    t.is(code, 0, stderr);
    return JSON.parse(stdout);
  };
  t.like(await update('--permission', 'audit', '--unset', 'client_name', '--scope', 'read'), {
    client_name: undefined,
    permissions: ['audit'],
    scope: 'read',
  });
  const byName = await update('--auth-method', 'tls_client_auth', '--tls-subject-dn', 'CN=one');
  t.is(byName.tls_client_auth_subject_dn, 'CN=one');
  t.like(await update('--tls-san-dns', 'one.example'), {
    tls_client_auth_subject_dn: undefined,
    tls_client_auth_san_dns: 'one.example',
  });
  const { client_secret } = await update(
    '--auth-method',
    'client_secret_basic',
    '--unset',
    'tls_client_auth_san_dns',
  );
  t.is((await app.form('/revoke', { token: 'x' }, ['one', app.secret(client_secret)])).status, 200);
});
