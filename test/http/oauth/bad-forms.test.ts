// Forms at /revoke and /introspect that are malformed: each is refused by name (or, where its token could not be
// one, answered as an unknown token is), and nothing that was sent comes back.
import { type Bad, canary, formType, sendBad } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

const wrongForms: readonly Bad[] = [
  ['no token', { body: '' }, 400, 'token is missing'],
  ['an empty token', { body: 'token=' }, 400, 'token is missing'],
  ['a token without a value', { body: 'token' }, 400, 'token is missing'],
  ['a token that is named otherwise', { body: `Token=${canary}` }, 400, 'token is missing'],
  ['a repeated token', { body: `token=${canary}&token=${canary}` }, 400, 'token is repeated'],
  [
    'a repeated hint',
    { body: `token=x&token_type_hint=${canary}&token_type_hint=a` },
    400,
    'token_type_hint is repeated',
  ],
  ['an array', { body: `token[]=${canary}` }, 400, 'token must be a plain parameter, without brackets'],
  ['an object', { body: `token%5Bx%5D=${canary}` }, 400, 'token must be a plain parameter, without brackets'],
  ['a name that could be a secret', { body: `${canary}[]=x` }, 400, 'token is missing'],
  ['a bad escape', { body: `token=${canary}%ZZ` }, 400, 'token is not properly encoded UTF-8'],
  [
    'a bad escape in a name',
    { body: `token=x&${canary}%ZZ=x` },
    400,
    'the parameters are not properly encoded UTF-8',
  ],
  [
    'a bad escape beside a name that could be a secret',
    { body: `token=x&${canary}=%ZZ` },
    400,
    'a parameter is not properly encoded UTF-8',
  ],
  ['an escape cut short', { body: `token=${canary}%4` }, 400, 'token is not properly encoded UTF-8'],
  [
    'an escape that is no UTF-8',
    { body: `token=${canary}%C3%28` },
    400,
    'token is not properly encoded UTF-8',
  ],
  [
    'bytes that are no UTF-8',
    { body: Buffer.from(`token=${canary}\xff`, 'latin1') },
    400,
    'the parameters are not properly encoded UTF-8',
  ],
  [
    'too many parameters',
    { body: Array.from({ length: 65 }, (_, n) => `p${n}=${canary}`).join('&') },
    400,
    'there are over 64 parameters',
  ],
  [
    'too many parameters that are ignored',
    { body: Array.from({ length: 65 }, (_, n) => `p${n}[]=${canary}`).join('&') },
    400,
    'there are over 64 parameters',
  ],
  [
    'JSON',
    { type: 'application/json', body: `{"token":"${canary}"}` },
    400,
    `the content type must be ${formType}`,
  ],
  [
    'multipart',
    {
      type: 'multipart/form-data; boundary=x',
      body: `--x\r\ncontent-disposition: form-data; name="token"\r\n\r\n${canary}\r\n--x--`,
    },
    400,
    `the content type must be ${formType}`,
  ],
  ['text', { type: 'text/plain', body: `token=${canary}` }, 400, `the content type must be ${formType}`],
  [
    'no content type',
    { type: undefined, body: `token=${canary}` },
    400,
    `the content type must be ${formType}`,
  ],
  ['nothing', { type: undefined, body: undefined }, 400, `the content type must be ${formType}`],
  [
    'a longer content type',
    { type: `${formType}x`, body: `token=${canary}` },
    400,
    `the content type must be ${formType}`,
  ],
  [
    'a content encoding',
    { headers: { 'Content-Encoding': 'gzip' }, body: `token=${canary}` },
    400,
    'a content encoding is not accepted here',
  ],
  [
    'a body over 64 KiB',
    { body: `token=${canary}${'x'.repeat(65_536)}` },
    413,
    'the body is over 65536 bytes',
  ],
];

for (const path of ['/revoke', '/introspect']) {
  testEachDatabase(`POST ${path} refuses what is no proper form, by name`, async (t, app) => {
    const auth = await app.observer();
    for (const bad of wrongForms) {
      const reply = await sendBad(t, app, path, { auth, type: formType }, bad);
      t.deepEqual(reply.body, { error: 'invalid_request', error_description: bad[3] }, bad[0]);
    }
  });

  testEachDatabase(`POST ${path} reads a form of 64 parameters`, async (t, app) => {
    const others = Array.from({ length: 63 }, (_, n) => `p${n}=x`);
    const reply = await app.form(path, ['token=x', ...others].join('&'), await app.observer());
    t.is(reply.status, 200);
  });

  testEachDatabase(`POST ${path} takes no token and no credentials from the query string`, async (t, app) => {
    const caller = await app.observer();
    const inQuery = await app.form(`${path}?token=x`, {}, caller);
    t.is(inQuery.status, 400);
    t.is(inQuery.body.error_description, 'token is missing');
    const { client_id, secret } = caller;
    const query = `client_id=${client_id}&client_secret=${secret}`;
    const credentials = await app.form(`${path}?${query}`, { token: 'x' });
    t.is(credentials.status, path === '/revoke' ? 401 : 400);
  });

  testEachDatabase(`POST ${path} counts what could not be a token as unknown`, async (t, app) => {
    const caller = await app.observer();
    const answers = new Set<string>();
    for (const token of [
      '\0',
      'a\0b',
      '\u{1F600}',
      '\n',
      'x'.repeat(16_385),
      "' or 1=1 --",
      '%',
      '../../etc/passwd',
    ]) {
      const { status, text } = await app.form(path, { token }, caller);
      t.is(status, 200);
      answers.add(text);
    }
    t.is(answers.size, 1);
  });
}
