// `issuer add` and `issuer update` on the command line: what the API takes, in options.
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { cli, type Ran } from '../helpers/run.ts';

const jwksUri = ['--jwks-uri', 'https://sso.example/jwks'];

function add(app: TestApp, args: readonly string[]): Promise<Ran> {
  const issuer = args.includes('--issuer') ? [] : ['--issuer', 'https://sso.example'];
  const env = { DATABASE_URL: app.database.url };
  return cli(['issuer', 'add', '--json', ...issuer, ...jwksUri, ...args], env);
}

testEachDatabase('issuer add names what an issuer may send to our inboxes', async (t, app) => {
  const kinds = 'backchannel_logout,security_events';
  const others = [
    '--inbox-governs',
    'https://a.example,https://b.example',
    '--inbox-subject-format',
    'email',
  ];
  const args = ['--inbox', kinds, '--inbox-audience', 'web', '--inbox-ends-offline', ...others];
  const { code, stdout, stderr } = await add(app, args);
  t.is(code, 0, stderr);
  t.deepEqual(JSON.parse(stdout).inbox, {
    kinds: ['backchannel_logout', 'security_events'],
    audience: 'web',
    governs: ['https://a.example', 'https://b.example'],
    keep_offline: false,
    subject_formats: ['email'],
  });
});

testEachDatabase('issuer add without inbox options leaves the inboxes off', async (t, app) => {
  const { stdout } = await add(app, []);
  t.false('inbox' in JSON.parse(stdout));
});

testEachDatabase('issuer add names the option that is wrong, and adds nothing', async (t, app) => {
  for (const [args, option] of [
    [['--inbox', 'letters', '--inbox-audience', 'web'], '--inbox'],
    [['--inbox', 'security_events'], '--inbox-audience'],
    [['--inbox-audience', 'web'], '--inbox'],
    [['--alg', 'HS256'], '--alg'],
    [['--issuer', '*'], '--issuer'],
    [['--reach', 'everywhere'], '--reach'],
    [['--scope-permission', 'constructor=everything'], '--scope-permission'],
  ] as const) {
    const { code, stderr } = await add(app, args);
    t.is(code, 1, args.join(' '));
    t.regex(stderr, new RegExp(`^${option} `), stderr);
  }
  const pairs = { '--scope-permission': 'scope=permission', '--refresh-marker': 'claim=value' };
  for (const [option, form] of Object.entries(pairs))
    for (const given of ['orders', '=introspect', 'orders='])
      t.is((await add(app, [option, given])).stderr, `${option} is written as ${form}\n`);
  t.is(await app.store.ask((facts) => facts.issuer('https://sso.example')), undefined);
});

testEachDatabase(
  'issuer update changes what its options name, and where the keys come from',
  async (t, app) => {
    await add(app, ['--audience', 'https://a.example', '--reuses-ids']);
    const update = (...args: string[]) =>
      cli(['issuer', 'update', '--json', 'https://sso.example', ...args], { DATABASE_URL: app.database.url });
    const { code, stdout, stderr } = await update(
      '--discover',
      '--unset',
      'audiences,reuses_ids',
      '--reach',
      'all',
    );
    t.is(code, 0, stderr);
    t.like(JSON.parse(stdout), {
      discovery: true,
      jwks_uri: undefined,
      audiences: [],
      reuses_ids: false,
      reach: 'all',
    });
    for (const claim of ['--session-claim', '--grant-claim']) {
      const refused = await update(claim, 'other');
      t.is(refused.code, 1);
      t.regex(refused.stderr, /^claims must keep the names it has/);
    }
    t.is((await update('--user-claim', 'sub,id,uid,other')).code, 0);
  },
);
