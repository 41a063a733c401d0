// `config check`: what an operator sees of the settings, and what nobody may.
import test from 'ava';
import { settings } from '../../src/config.ts';
import { folderOf } from '../helpers/folders.ts';
import { cli } from '../helpers/run.ts';

test('config check shows every setting by its own name, and no secret', async (t) => {
  const secret = 'Zx9-kq27Lw04-vT81bRn56-mD33yHc70';
  const { code, stdout } = await cli(['config', 'check'], {
    DATABASE_URL: `postgres://app:${secret}@db/tokens?password=${secret}&application_name=kill`,
    JWT_SECRET: `${secret},${secret}2`,
    CONFIRM_SECRET: secret,
    SEAL_WEBHOOK_URL: `https://seals.example/in?key=${secret}`,
    SHUTDOWN_GRACE_SECONDS: '7',
    SEED_DEMO: 'no',
    TRUST_PROXY: '10.0.0.0/8,192.0.2.1',
  });
  t.is(code, 0);
  const lines = stdout.trimEnd().split('\n');
  const shown = Object.fromEntries(lines.map((line) => line.split(/ +(.*)/, 2)));
  t.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    settings.map(({ name }) => name),
  );
  t.like(shown, {
    DATABASE_URL: 'postgres://app:***@db/tokens?password=***&application_name=kill',
    JWT_SECRET: '***,***',
    CONFIRM_SECRET: '***',
    SEAL_WEBHOOK_URL: 'https://seals.example/***',
    SHUTDOWN_GRACE_SECONDS: '7',
    SEED_DEMO: 'no',
    TRUST_PROXY: '10.0.0.0/8,192.0.2.1',
    ADMIN_PORT: 'none',
  });
  t.false(stdout.includes(secret));
});

test('config check hides passwords however the URL is written', async (t) => {
  const urls = [
    'postgres://app@srv:S3cret@db/x',
    'postgres://app:p@S3cret@db/x',
    'postgres://app@db/x?pass%77ord=S3cret',
    'postgres://app@db/x?sslpassword=S3cret',
  ];
  for (const DATABASE_URL of urls) {
    const { code, stdout } = await cli(['config', 'check'], {
      DATABASE_URL,
      SEAL_WEBHOOK_URL: 'https://seals.example/S3cret/in?key=S3cret\n',
    });
    t.is(code, 0);
    t.regex(stdout, /^DATABASE_URL +postgres:\/\/app/m);
    t.notRegex(stdout, /S3cret/, DATABASE_URL);
  }
  const refused = await cli(['config', 'check'], {
    PUBLIC_URL: 'https://me:S3cret@id.example',
    SEAL_WEBHOOK_URL: 'https://me:S3cret@seals.example/',
  });
  t.is(refused.code, 78);
  t.regex(
    refused.stderr,
    /PUBLIC_URL: has a user name[\s\S]*SEAL_WEBHOOK_URL: must be an https URL|SEAL_WEBHOOK_URL[\s\S]*PUBLIC_URL/,
  );
  t.notRegex(refused.stderr, /S3cret/);
});

test('config check names every problem with its remedy, and none of the values', async (t) => {
  const { code, stderr } = await cli(['config', 'check'], { PORT: 'eighty', CONFIRM_SECRET: 'too-short' });
  t.is(code, 78);
  t.regex(stderr, /PORT: /);
  t.regex(stderr, /CONFIRM_SECRET: /);
  t.notRegex(stderr, /eighty|too-short/);
});

test('config check looks at key files in production, where nothing makes them by itself', async (t) => {
  const folder = folderOf(t);
  const env = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://tokens.example',
    DATABASE_URL: `sqlite:${folder}/tokens.sqlite`,
    SEAL_KEY_FILE: `${folder}/seal.json`,
  };
  const check = () => cli(['config', 'check'], env);
  const missing = await check();
  t.is(missing.code, 78, missing.stderr);
  t.regex(
    missing.stderr,
    /SEAL_KEY_FILE \(.*seal\.json\) is not there\. Correct the setting or, for a first key: /,
  );

  const first = await cli(['audit', 'rotate-key'], env);
  t.regex(first.stdout, /seal\.json was not there: it was made[\s\S]*sign with the new key/);
  t.notRegex((await cli(['audit', 'rotate-key'], env)).stdout, /was not there/);
  const found = await check();
  t.is(found.code, 0, found.stderr);

  const unsigned = await cli(['config', 'check'], { ...env, SIGNING_KEYS_FILE: `${folder}/signing.json` });
  t.is(unsigned.code, 78);
  t.regex(unsigned.stderr, /the signing keys in .*signing\.json are not there; make some with `keys create`/);
});
