// POST /global-token-revocation: what ends a user, and which callers and identifiers are taken.
import { publicUrl } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { logoutToken, sendLogoutToken, trustWithInbox } from '../../helpers/inboxes.ts';

testEachDatabase(
  'POST /global-token-revocation ends a user as Okta asks, 204 known or not',
  async (t, app) => {
    const issuer = await trustWithInbox(app, { audience: 'https://tokens.example/global-token-revocation' });
    const mine = await issuer.sign({ iat: app.seconds - 60 });
    const other = await issuer.sign({ sub: 'u2', iat: app.seconds - 60 });
    const ask = async (body: object, claims: object = {}) => {
      const assertion = await issuer.sign(
        { aud: 'https://tokens.example/global-token-revocation', jti: app.newToken('jti'), ...claims },
        { typ: 'global-token-revocation+jwt' },
      );
      return app.json('/global-token-revocation', body, `Bearer ${assertion}`);
    };
    t.is((await ask({ sub_id: { format: 'iss_sub', iss: issuer.name, sub: 'u1' } })).status, 204);
    t.deepEqual([await app.isActive(mine), await app.isActive(other)], [false, true]);
    t.is((await ask({ sub_id: { format: 'iss_sub', iss: issuer.name, sub: 'nobody' } })).status, 204);
    t.is((await ask({ subject: { format: 'opaque', id: 'u2' } })).status, 204);
    t.false(await app.isActive(other));
    const cases: [object, object, number, string][] = [
      [
        { sub_id: { format: 'iss_sub', iss: 'https://else.example', sub: 'u1' } },
        {},
        403,
        'unauthorized_client',
      ],
      [{ sub_id: { format: 'email', email: 'u1@example.com' } }, {}, 404, 'invalid_request'],
      [{ sub_id: { format: 'phone', phone: '1' } }, {}, 400, 'invalid_request'],
      [{}, {}, 400, 'invalid_request'],
      [{ sub_id: { format: 'opaque', id: 'u1' } }, { aud: 'other' }, 401, 'invalid_token'],
      [{ sub_id: { format: 'opaque', id: 'u1' } }, { iat: app.seconds - 3000 }, 401, 'invalid_token'],
      [{ sub_id: { format: 'opaque', id: 'u1' } }, { exp: undefined }, 401, 'invalid_token'],
    ];
    for (const [body, claims, status, error] of cases) {
      const reply = await ask(body, claims);
      t.is(reply.status, status, reply.text);
      t.is(reply.body.error, error);
      if (status === 401)
        t.regex(reply.headers['www-authenticate'] ?? '', /^Bearer .*error="invalid_token"$/);
    }
    const anonymous = await app.json('/global-token-revocation', {});
    t.is(anonymous.status, 401);
    t.regex(anonymous.headers['www-authenticate'] ?? '', /^Bearer (?!.*error)/, 'RFC 6750 §3.1');
  },
);

testEachDatabase(
  'POST /global-token-revocation takes a JWT for its own URL, whatever audience is on record',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const endpoint = `${publicUrl}/global-token-revocation`;
    const ask = async (aud: unknown) => {
      const jti = app.newToken('jti');
      const assertion = await issuer.sign({ aud, jti }, { typ: 'global-token-revocation+jwt' });
      const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
      return (await app.json('/global-token-revocation', { sub_id }, `Bearer ${assertion}`)).status;
    };
    for (const aud of [undefined, null, '', [], publicUrl, `${endpoint}/`, `${endpoint}?x`])
      t.is(await ask(aud), 401, JSON.stringify(aud));
    const victim = await issuer.sign({ iat: app.seconds - 60 });
    t.is(await ask(endpoint), 204);
    t.false(await app.isActive(victim));
    t.is(await ask([endpoint, 'x']), 204);
    t.is(await ask('web'), 204);
    const elsewhere = await sendLogoutToken(app, await logoutToken(issuer, { aud: endpoint }));
    t.is(elsewhere.status, 400, 'it is the audience of no other inbox');
  },
);

testEachDatabase(
  'POST /global-token-revocation takes email and account for a user where the record says so',
  async (t, app) => {
    const issuer = await trustWithInbox(app, { subject_formats: ['email', 'account'] });
    const users = ['u1@example.com', 'acct:u2@example.com', 'u3@example.com'];
    const iat = app.seconds - 60;
    const tokens = await Promise.all(users.map((sub) => issuer.sign({ sub, iat })));
    const ask = async (sub_id: object) => {
      const claims = { aud: 'web', jti: app.newToken('jti') };
      const assertion = await issuer.sign(claims, { typ: 'global-token-revocation+jwt' });
      return app.json('/global-token-revocation', { sub_id }, `Bearer ${assertion}`);
    };
    const alive = () => Promise.all(tokens.map((token) => app.isActive(token)));
    t.is((await ask({ format: 'email', email: users[0] })).status, 204);
    t.deepEqual(await alive(), [false, true, true]);
    t.is((await ask({ format: 'account', uri: users[1] })).status, 204);
    t.deepEqual(await alive(), [false, false, true]);
    t.deepEqual(
      (await app.events('bulk_revoke')).map(({ userId, metadata }) => [userId, metadata.kind]),
      users.slice(0, 2).map((user) => [user, 'subject']),
    );
    for (const malformed of [
      { format: 'email' },
      { format: 'email', email: 7 },
      { format: 'email', uri: users[2] },
      { format: 'account', uri: '' },
      { format: 'account', email: users[2] },
      { format: 'account', uri: 'acct:a\u0000b' },
    ]) {
      const reply = await ask(malformed);
      t.is(reply.status, 400, JSON.stringify(malformed));
      t.is(reply.body.error, 'invalid_request');
    }
    t.true(await app.isActive(String(tokens[2])));
  },
);

testEachDatabase(
  'POST /global-token-revocation takes no other kind of JWT for its own: no ID, access or logout token',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const victim = await issuer.sign({ sub: 'u2', iat: app.seconds - 60 });
    const claims = { aud: 'web', client_id: 'web', jti: 'j1' };
    const others: Record<string, string> = {
      'an ID token': await issuer.sign({ ...claims, nonce: 'n' }),
      'one of type JWT': await issuer.sign(claims, { typ: 'JWT' }),
      'an access token': await issuer.sign(claims, { typ: 'at+jwt' }),
      'a logout token': await logoutToken(issuer, { sid: 's1' }),
      'an untyped logout token': await logoutToken(issuer, { sid: 's1' }, {}),
      'an event token': await issuer.sign({ ...claims, events: {} }, { typ: 'secevent+jwt' }),
    };
    for (const [name, assertion] of Object.entries(others)) {
      const body = { sub_id: { format: 'iss_sub', iss: issuer.name, sub: 'u2' } };
      const reply = await app.json('/global-token-revocation', body, `Bearer ${assertion}`);
      t.deepEqual([reply.status, reply.body.error], [401, 'invalid_token'], name);
    }
    t.true(await app.isActive(victim));
    t.is((await app.events('inbox_refused')).length, Object.keys(others).length);
  },
);

testEachDatabase('an inbox knows only the formats of users that its record lists', async (t, app) => {
  const issuer = await trustWithInbox(app, { subject_formats: ['account'] });
  const assertion = await issuer.sign(
    { aud: 'web', jti: app.newToken('jti') },
    { typ: 'global-token-revocation+jwt' },
  );
  const body = { sub_id: { format: 'email', email: 'u1@example.com' } };
  const reply = await app.json('/global-token-revocation', body, `Bearer ${assertion}`);
  t.is(reply.status, 404);
  t.deepEqual(await app.events('bulk_revoke'), []);
});

testEachDatabase('one bearer of global token revocations may end several users', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const users = ['u1', 'u2'];
  const tokens = await Promise.all(users.map((sub) => issuer.sign({ sub, iat: app.seconds - 60 })));
  const claims = { aud: 'web', jti: app.newToken('jti') };
  const assertion = await issuer.sign(claims, { typ: 'global-token-revocation+jwt' });
  for (const sub of [...users, 'u1']) {
    const sub_id = { format: 'iss_sub', iss: issuer.name, sub };
    t.is((await app.json('/global-token-revocation', { sub_id }, `Bearer ${assertion}`)).status, 204);
  }
  t.deepEqual(await Promise.all(tokens.map((token) => app.isActive(token))), [false, false]);
  t.is((await app.events('bulk_revoke')).length, 2, 'the third repeats the first');
});
