// JWT_SECRET as a setting: which secrets are good enough, and where one may be given.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { ConfigError, readConfig } from '../../src/config.ts';

const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://t.example',
  DATABASE_URL: 'sqlite:x',
  SEAL_KEY_FILE: 'k',
};
const good = 'q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU';

test('a good secret is taken, and several while it is rotated', (t) => {
  t.deepEqual(readConfig({ ...production, JWT_SECRET: good }).sharedSecret.secrets, [good]);
  t.deepEqual(readConfig({ JWT_SECRET: `${good}, ${good}x` }).sharedSecret.secrets, [good, `${good}x`]);
  t.deepEqual(readConfig({ JWT_SECRET: `${good},a\n${good}b\n` }).sharedSecret.secrets, [
    `${good},a`,
    `${good}b`,
  ]);
});

for (const weak of [
  'short',
  'a-string-secret-at-least-256-bits-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'this-is-a-very-secure-secret-key-please-change-me',
  'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  `${good},short`,
  '12345678901234567890123456789012',
  '0123456789abcdef0123456789abcdef',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'zyxwvutsrqponmlkjihgfedcba9876543210',
  'mysupersecretkeymysupersecretkey',
  'MySuperSecretKey1234567890MySuperSecretKey',
  'thisisaverylongsecretkeyforjwtsigning',
  'your-256-bit-secret-your-256-bit-secret',
  'qwertyuiopasdfghjklzxcvbnm123456',
  'abc1abc1abc1abc1abc1abc1abc1abc1',
]) {
  test(`the secret ${weak} is refused in production and warned of in development`, (t) => {
    const error = t.throws(() => readConfig({ ...production, JWT_SECRET: weak }), {
      instanceOf: ConfigError,
    });
    t.deepEqual(
      error?.problems.map(({ name }) => name),
      ['JWT_SECRET'],
    );
    t.false(error?.message.includes(weak));
    t.is(readConfig({ JWT_SECRET: weak }).warnings.length, 1);
  });
}

test('the secret is for issuers of a name, not for all of them', (t) => {
  const env = { JWT_SECRET: good, JWT_SECRET_ISSUERS: 'my-login,*' };
  const error = t.throws(() => readConfig(env), { instanceOf: ConfigError });
  t.is(error?.problems[0]?.name, 'JWT_SECRET_ISSUERS');
});

test('random secrets are good in every writing, and so is the secret that confirms', (t) => {
  for (let n = 0; n < 2000; n++)
    for (const writing of ['hex', 'base64', 'base64url'] as const) {
      const secret = randomBytes(writing === 'hex' ? 16 : 32).toString(writing);
      t.is(readConfig({ ...production, CONFIRM_SECRET: secret }).confirmSecret, secret);
    }
  for (const [weak, problem] of [
    ['short', 'is under 32 bytes'],
    ['mysupersecretkeymysupersecretkey', 'is easy to guess'],
  ] as const)
    t.like(
      t.throws(() => readConfig({ ...production, CONFIRM_SECRET: weak }), { instanceOf: ConfigError }),
      {
        problems: [{ name: 'CONFIRM_SECRET', problem }],
      },
    );
});

test('settings that go with a secret are refused without one', (t) => {
  const error = t.throws(() => readConfig({ JWT_SECRET_AUDIENCE: 'a' }), { instanceOf: ConfigError });
  t.is(error?.problems[0]?.name, 'JWT_SECRET_AUDIENCE');
});
