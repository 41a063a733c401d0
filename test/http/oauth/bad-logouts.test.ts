// Bodies, user ids and credentials at /logout that are malformed: each is refused by name, and nothing that was sent
// comes back.
import { type Bad, canary, formType, sendBad } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

const wrongLogouts: readonly Bad[] = [
  ['no JSON', { body: `{"refresh_token":"${canary}` }, 400, 'the body is not valid JSON in UTF-8'],
  ['a number', { body: '5' }, 400, 'the body must be a JSON object or array'],
  ['text', { body: `"${canary}"` }, 400, 'the body must be a JSON object or array'],
  ['null', { body: 'null' }, 400, 'the body must be a JSON object or array'],
  ['an array', { body: `["${canary}"]` }, 400, 'body must be of type object'],
  [
    'a token that is no string',
    { body: `{"refresh_token":{"x":"${canary}"}}` },
    400,
    'refresh_token must be of type string',
  ],
  [
    'a token that is a list',
    { body: `{"refresh_token":["${canary}"]}` },
    400,
    'refresh_token must be of type string',
  ],
  ['a user that is an object', { body: `{"user_id":{"x":"${canary}"}}` }, 400, 'user_id has the wrong form'],
  ['a user that is a fraction', { body: '{"user_id":1.5}' }, 400, 'user_id has the wrong form'],
  ['an unknown scope', { body: `{"scope":"${canary}"}` }, 400, 'scope must be one of: current, others, all'],
  ['a reason that is no string', { body: '{"reason":5}' }, 400, 'reason must be of type string'],
  [
    'a repeated form parameter',
    { type: formType, body: `refresh_token=${canary}&refresh_token=${canary}` },
    400,
    'refresh_token is repeated',
  ],
  [
    'a bracketed form parameter',
    { type: formType, body: `refresh_token[]=${canary}` },
    400,
    'refresh_token must be a plain parameter, without brackets',
  ],
  [
    'multipart',
    { type: 'multipart/form-data; boundary=x', body: `--x--${canary}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'plain text',
    { type: 'text/plain', body: `refresh_token=${canary}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'no content type',
    { type: undefined, body: `{"refresh_token":"${canary}"}` },
    415,
    'the content type must be application/json or application/x-www-form-urlencoded',
  ],
  [
    'a body over 64 KiB',
    { body: `{"refresh_token":"${canary}${'x'.repeat(65_536)}"}` },
    413,
    'the body is over 65536 bytes',
  ],
  [
    'a form over 64 KiB',
    { type: formType, body: `refresh_token=${canary}${'x'.repeat(65_536)}` },
    413,
    'the body is over 65536 bytes',
  ],
];

testEachDatabase(
  'POST /logout refuses what is neither proper JSON nor a proper form, by name',
  async (t, app) => {
    for (const bad of wrongLogouts) {
      const reply = await sendBad(t, app, '/logout', { type: 'application/json' }, bad);
      t.false(reply.body.success, bad[0]);
      t.is(reply.body.message, bad[3], bad[0]);
      t.is(reply.body.data, null);
    }
  },
);

testEachDatabase('POST /logout takes no proof from the query string', async (t, app) => {
  const token = await app.register({ client_id: 'c1', sub: 'u1' });
  const reply = await app.json(`/logout?refresh_token=${token}&access_token=${token}`, {});
  t.is(reply.status, 401);
  t.true(await app.isActive(token));
});

testEachDatabase('POST /logout refuses a user id that could not be one', async (t, app) => {
  const caller = await app.addClient({ permissions: ['revoke:any'] });
  for (const [user_id, problem] of [
    [`${canary}\0`, 'has the wrong form'],
    [`${canary}\n`, 'has the wrong form'],
    [canary.repeat(30), 'is over 255 characters'],
  ]) {
    const { status, body, text } = await app.json('/logout', { user_id }, caller);
    t.is(status, 400);
    t.is(body.message, `user_id ${problem}`);
    t.false(text.includes(canary));
  }
});

testEachDatabase(
  'an id of 255 characters is one, whatever their size, for whoever names it',
  async (t, app) => {
    const caller = await app.addClient({ permissions: ['revoke:any', 'audit'] });
    const sub = '\u{1f600}'.repeat(255);
    const token = await app.register({ client_id: 'c1', sub });
    const reply = await app.json('/logout', { user_id: sub }, caller);
    t.is(reply.body.data?.user_id, sub, reply.text);
    t.false(await app.isActive(token));
    const found = await app.get(`/v1/audit/events?action=logout&user_id=${encodeURIComponent(sub)}`, caller);
    t.is(found.body.items?.length, 1, found.text);
    const longer = await app.json('/logout', { user_id: `${sub}x` }, caller);
    t.is(longer.body.message, 'user_id is over 255 characters');
  },
);

testEachDatabase(
  'POST /logout says 401 with a Bearer challenge to a scheme that proves no client',
  async (t, app) => {
    const token = await app.register({ client_id: 'c1' });
    for (const scheme of ['DPoP', 'Digest']) {
      const reply = await app.json('/logout', {}, `${scheme} ${token}`);
      t.is(reply.status, 401);
      t.regex(reply.headers['www-authenticate'] ?? '', /^Bearer/);
    }
    t.deepEqual(await app.events('client_auth_failed'), []);
    t.true(await app.isActive(token));
  },
);
