// Inboxes: messages shaped as identity providers send them, and their broken cousins.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { calculateJwkThumbprint } from 'jose';
import type { RequestParts, TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';

const kinds = ['backchannel_logout', 'global_token_revocation', 'security_events'];
const logoutEvents = { 'http://schemas.openid.net/event/backchannel-logout': {} };
const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification';

function trust(app: TestApp, inbox: object = {}): Promise<TestIssuer> {
  return TestIssuer.inline(app, { inbox: { kinds, audience: 'web', ...inbox } });
}

/** A logout token as Keycloak writes it. */
const logoutToken = (issuer: TestIssuer, claims: object = {}, header: object = { typ: 'logout+jwt' }) =>
  issuer.sign(
    { aud: 'web', jti: issuer.app.newToken('jti'), events: logoutEvents, ...claims },
    { ...header },
  );

const send = (app: TestApp, token: string) => app.form('/backchannel-logout', { logout_token: token });

testEachDatabase(
  'POST /backchannel-logout with sid ends that session, of that client, and no newer login',
  async (t, app) => {
    const issuer = await trust(app);
    const of = { client_id: 'web', sid: 'sso-1', iat: app.seconds - 60 };
    const [mine, other] = [await issuer.sign(of), await issuer.sign({ ...of, sid: 'sso-2' })];
    const [foreign, offline] = [
      await issuer.sign({ ...of, client_id: 'tv' }),
      await issuer.sign({ ...of, scope: 'openid offline_access' }),
    ];
    const newer = await issuer.sign({ ...of, iat: app.seconds - 5 });
    const token = await logoutToken(issuer, { sub: 'u1', sid: 'sso-1', iat: app.seconds - 30 });
    const reply = await send(app, token);
    t.is(reply.status, 200, reply.text);
    t.is(reply.headers['cache-control'], 'no-store');
    const alive = await Promise.all([mine, other, foreign, offline, newer].map((each) => app.isActive(each)));
    t.deepEqual(alive, [false, true, true, true, true]);
    const [event] = await app.events('bulk_revoke');
    t.like(event, {
      channel: 'inbox',
      reason: 'identity_provider',
      sessionId: 'sso-1',
      actor: { kind: 'system', id: issuer.name },
    });
    t.is((await send(app, token)).status, 200);
    t.is((await app.events('bulk_revoke')).length, 1, 'the same message again does nothing');
  },
);

testEachDatabase(
  'POST /backchannel-logout without sid ends the user; keep_offline can be turned off',
  async (t, app) => {
    const issuer = await trust(app, { keep_offline: false });
    const of = { client_id: 'web', iat: app.seconds - 60 };
    const [one, offline, other] = [
      await issuer.sign(of),
      await issuer.sign({ ...of, scope: 'offline_access' }),
      await issuer.sign({ ...of, sub: 'u2' }),
    ];
    t.is((await send(app, await logoutToken(issuer, {}, { typ: 'JWT' }))).status, 200);
    t.deepEqual(await Promise.all([one, offline, other].map((each) => app.isActive(each))), [
      false,
      false,
      true,
    ]);
  },
);

testEachDatabase('POST /backchannel-logout takes a logout token as Auth0 writes it', async (t, app) => {
  const inbox = { kinds, audience: 'web' };
  const issuer = await TestIssuer.inline(app, { issuer: 'https://tenant.auth0.example/', inbox }, 'RS256');
  const of = { client_id: 'web', sub: 'auth0|602c2e39', sid: 'iKbn_uK', iat: app.seconds - 60 };
  const [mine, other] = [await issuer.sign(of), await issuer.sign({ ...of, sid: 'another' })];
  const token = await logoutToken(issuer, {
    ...{ sub: of.sub, sid: of.sid, trace_id: '85ef', iat: app.seconds, exp: app.seconds + 120 },
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
  t.is((await send(app, token)).status, 200);
  t.deepEqual([await app.isActive(mine), await app.isActive(other)], [false, true]);
});

testEachDatabase('POST /backchannel-logout refuses tokens that break the standard', async (t, app) => {
  const issuer = await trust(app);
  const victim = await issuer.sign({ client_id: 'web', sid: 's1' });
  const stranger = await newKey('ES256', 'k1');
  const base = { sub: 'u1', sid: 's1', aud: 'web', jti: 'x1', events: logoutEvents };
  const broken: Record<string, string> = {
    nonce: await logoutToken(issuer, { sid: 's1', nonce: 'n' }),
    'no events': await logoutToken(issuer, { sid: 's1', events: undefined }),
    'other events': await logoutToken(issuer, { sid: 's1', events: { [sessionRevoked]: {} } }),
    'neither sub nor sid': await logoutToken(issuer, { sub: undefined }),
    'old iat': await logoutToken(issuer, { sid: 's1', iat: app.seconds - 601 }),
    'iat ahead': await logoutToken(issuer, { sid: 's1', iat: app.seconds + 601 }),
    'other audience': await logoutToken(issuer, { sid: 's1', aud: 'tv' }),
    'no jti': await logoutToken(issuer, { sid: 's1', jti: undefined }),
    'no exp': await logoutToken(issuer, { sid: 's1', exp: undefined }),
    expired: await logoutToken(issuer, { sid: 's1', exp: app.seconds - 1 }),
    'an access token': await logoutToken(issuer, { sid: 's1' }, { typ: 'at+jwt' }),
    forged: await issuer.signAs(base, { typ: 'logout+jwt' }, stranger),
    'unknown issuer': await logoutToken(issuer, { sid: 's1', iss: 'https://else.example' }),
    'no JWT': 'nonsense',
  };
  for (const [name, token] of Object.entries(broken)) {
    const reply = await send(app, token);
    t.is(reply.status, 400, name);
    t.is(reply.body.error, 'invalid_request', name);
  }
  t.true(await app.isActive(victim));
  t.true((await app.events('inbox_refused')).length > 5);
  t.is((await app.form('/backchannel-logout', {})).status, 400);
});

testEachDatabase('an inbox is off until the record of the issuer names it', async (t, app) => {
  const issuer = await trust(app, { kinds: ['security_events'] });
  t.is((await send(app, await logoutToken(issuer, { sid: 's1' }))).status, 400);
});

testEachDatabase(
  'POST /global-token-revocation ends a user as Okta asks, 204 known or not',
  async (t, app) => {
    const issuer = await trust(app, { audience: 'https://tokens.example/global-token-revocation' });
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
  'POST /global-token-revocation takes email and account for a user where the record says so',
  async (t, app) => {
    const issuer = await trust(app, { subject_formats: ['email', 'account'] });
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
    const issuer = await trust(app);
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
  const issuer = await trust(app, { subject_formats: ['account'] });
  const assertion = await issuer.sign(
    { aud: 'web', jti: app.newToken('jti') },
    { typ: 'global-token-revocation+jwt' },
  );
  const body = { sub_id: { format: 'email', email: 'u1@example.com' } };
  const reply = await app.json('/global-token-revocation', body, `Bearer ${assertion}`);
  t.is(reply.status, 404);
  t.deepEqual(await app.events('bulk_revoke'), []);
});

testEachDatabase(
  'POST /security-events takes session-revoked by push, once, and no newer login dies',
  async (t, app) => {
    const issuer = await trust(app);
    const push = (body: string, type = 'application/secevent+jwt') =>
      app.request('POST', '/security-events', { type, body });
    const set = (events: object, claims: object = {}, header: object = { typ: 'secevent+jwt' }) =>
      issuer.sign(
        { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, ...claims },
        { ...header },
      );
    const mine = await issuer.sign({ sid: 's1', iat: app.seconds - 60 });
    const laptop = await issuer.sign({ sid: 's2', iat: app.seconds - 60 });
    const newer = await issuer.sign({ sid: 's3', iat: app.seconds - 5 });
    t.is((await push(await set({ [verification]: { state: 'x' } }))).status, 202);
    const complex = {
      format: 'complex',
      session: { format: 'opaque', id: 's1' },
      user: { format: 'iss_sub', iss: issuer.name, sub: 'u1' },
    };
    const event = await set({ [sessionRevoked]: { event_timestamp: app.seconds - 10 } }, { sub_id: complex });
    const reply = await push(event);
    t.is(reply.status, 202, reply.text);
    t.is(reply.text, '');
    t.deepEqual([await app.isActive(mine), await app.isActive(laptop)], [false, true]);
    t.is((await push(event)).status, 202);
    t.is((await app.events('bulk_revoke')).length, 1);
    const elsewhere = { ...complex, session: { format: 'opaque', id: 's2' } };
    for (const named of [
      { ...elsewhere, user: { ...complex.user, iss: 'https://else.example' } },
      { ...elsewhere, session: { ...elsewhere.session, iss: 'https://else.example' } },
    ]) {
      const refused = await push(await set({ [sessionRevoked]: {} }, { sub_id: named }));
      t.deepEqual([refused.status, refused.body.err], [400, 'access_denied']);
    }
    t.true(await app.isActive(laptop), 'another issuer has a session of that id');
    const subject = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
    const older = await set({ [sessionRevoked]: { subject, event_timestamp: app.seconds - 10 } });
    t.is((await push(older)).status, 202);
    t.deepEqual([await app.isActive(laptop), await app.isActive(newer)], [false, true]);

    const stranger = await newKey('ES256', 'k1');
    const events = { [sessionRevoked]: {} };
    const cases: [string, string][] = [
      [await set(events, { sub_id: subject, aud: 'tv' }), 'invalid_audience'],
      [await set(events, { sub_id: subject, iss: 'https://else.example' }), 'invalid_issuer'],
      [
        await issuer.signAs(
          { aud: 'web', jti: 'y', events, sub_id: subject },
          { typ: 'secevent+jwt' },
          stranger,
        ),
        'authentication_failed',
      ],
      [await set(events, { sub_id: { ...subject, iss: 'https://else.example' } }), 'access_denied'],
      [await set(events, {}), 'invalid_request'],
      [await set(events, { sub_id: subject }, { typ: 'JWT' }), 'invalid_request'],
      ...(await Promise.all(
        [{ [sessionRevoked]: 'x' }, { [sessionRevoked]: null }, { [verification]: [] }, 'x', undefined].map(
          async (malformed): Promise<[string, string]> => [
            await set(malformed as object, { sub_id: subject }),
            'invalid_request',
          ],
        ),
      )),
      ['nonsense', 'invalid_request'],
    ];
    for (const [token, err] of cases) {
      const refused = await push(token);
      t.is(refused.status, 400, err);
      t.is(refused.body.err, err);
    }
    t.is((await app.events('inbox_refused')).length, cases.length + 2, 'those of another issuer included');
    t.is((await push(event, 'application/json')).body.err, 'invalid_request');
  },
);

testEachDatabase(
  'POST /security-events takes an opaque subject for a session or a user, whichever bears it',
  async (t, app) => {
    const issuer = await trust(app);
    const iat = app.seconds - 60;
    const [session, user, other, userOfComplex] = [
      await issuer.sign({ sid: 'dMTlD|16', sub: 'u1', iat }),
      await issuer.sign({ sid: 's2', sub: 'dMTlD|16', iat }),
      await issuer.sign({ sid: 's3', sub: 'u1', iat }),
      await issuer.sign({ sid: 'u5', sub: 'u1', iat }),
    ];
    const subjects = [
      { format: 'opaque', id: 'dMTlD|16' },
      { format: 'complex', user: { format: 'opaque', id: 'u5' } },
    ];
    for (const sub_id of subjects) {
      const events = { [sessionRevoked]: { event_timestamp: app.seconds - 10 } };
      const claims = { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, sub_id };
      const body = await issuer.sign(claims, { typ: 'secevent+jwt' });
      const type = 'application/secevent+jwt';
      t.is((await app.request('POST', '/security-events', { type, body })).status, 202);
    }
    const alive = await Promise.all([session, user, other, userOfComplex].map((each) => app.isActive(each)));
    t.deepEqual(alive, [false, false, true, true]);
  },
);

for (const namespace of ['its issuer', '*']) {
  testEachDatabase(`a key that was revoked in ${namespace} commands no inbox`, async (t, app) => {
    const ops = await app.addClient({ permissions: ['revoke:any'] });
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const next = await newKey('ES256', 'k2');
    const inbox = { kinds, audience: 'web' };
    await issuer.trust({ jwks: { keys: [issuer.key.jwk, next.jwk] }, inbox });
    const victim = await issuer.signAs({ client_id: 'web', sid: 's1', iat: app.seconds - 60 }, {}, next);

    const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
    const claims = () => ({ aud: 'web', jti: app.newToken('jti') });
    const event = await issuer.sign(
      { ...claims(), sub: undefined, events: { [sessionRevoked]: {} }, sub_id },
      { typ: 'secevent+jwt' },
    );
    const order = await issuer.sign(claims(), { typ: 'global-token-revocation+jwt' });
    const logout = await logoutToken(issuer, { sid: 's1' });

    const thumbprint = await calculateJwkThumbprint(issuer.key.jwk);
    const target = {
      ...{ kind: 'key', thumbprint },
      issuer: namespace === '*' ? namespace : issuer.name,
    };
    const body = { target, reason: 'key_compromise', confirm: thumbprint };
    t.is((await app.json('/v1/revocations', body, ops)).status, 201);

    const loggedOut = await send(app, logout);
    t.deepEqual([loggedOut.status, loggedOut.body.error], [400, 'invalid_request']);
    const revoked = await app.json('/global-token-revocation', { sub_id }, `Bearer ${order}`);
    t.deepEqual([revoked.status, revoked.body.error], [401, 'invalid_token']);
    const type = 'application/secevent+jwt';
    const received = await app.request('POST', '/security-events', { type, body: event });
    t.deepEqual([received.status, received.body.err], [400, 'authentication_failed']);

    t.true(await app.isActive(victim));
    const refusals = (await app.events('inbox_refused')).map(({ metadata }) => metadata);
    t.deepEqual(
      refusals,
      kinds.map((kind) => ({ inbox: kind, why: 'key_revoked' })),
    );
    const other = await logoutToken(issuer, { sid: 's1' });
    t.is((await send(app, other)).status, 400, 'a message signed later, too');
    issuer.key = next;
    t.is((await send(app, await logoutToken(issuer, { sid: 's1' }))).status, 200);
    t.false(await app.isActive(victim));
  });
}

testEachDatabase('an inbox answers 503 and remembers nothing while the store fails', async (t, app) => {
  const issuer = await trust(app);
  const mine = await issuer.sign({ client_id: 'web', sid: 's1', iat: app.seconds - 60 });
  const token = await logoutToken(issuer, { sid: 's1' });
  for (const fault of ['writes', 'events'] as const) {
    app.store.fault = fault;
    const reply = await send(app, token);
    t.is(reply.status, 503);
    app.store.fault = 'none';
  }
  t.is((await send(app, token)).status, 200);
  t.false(await app.isActive(mine));
});

/** How each inbox is asked, and the members of its errors: RFC 6749 §5.2 (as Back-Channel Logout §2.8 has it), RFC 8935 §2.3. */
const errors = {
  '/backchannel-logout': {
    type: 'application/x-www-form-urlencoded',
    members: ['error', 'error_description'],
    bearer: null,
    body: (message: string) => `logout_token=${message}`,
    malformed: ['logout_token=%zz', 'logout_token=a&logout_token=b', 'logout_token[]=a', ''],
    sign: (issuer: TestIssuer) => logoutToken(issuer, { sid: 's1' }),
  },
  '/global-token-revocation': {
    type: 'application/json',
    members: ['error', 'error_description'],
    bearer: (message: string) => `Bearer ${message}`,
    body: () => '{"sub_id":{"format":"opaque","id":"u1"}}',
    malformed: ['{', '[]', '7', '{"sub_id":7}', '{"__proto__":{}}', ''],
    sign: (issuer: TestIssuer) =>
      issuer.sign({ aud: 'web', jti: issuer.app.newToken('jti') }, { typ: 'global-token-revocation+jwt' }),
  },
  '/security-events': {
    type: 'application/secevent+jwt',
    members: ['description', 'err'],
    bearer: null,
    body: (message: string) => message,
    malformed: ['nonsense', Buffer.from([0xff, 0xfe]), ''],
    sign: (issuer: TestIssuer) =>
      issuer.sign(
        { aud: 'web', jti: issuer.app.newToken('jti'), events: { [verification]: {} } },
        { typ: 'secevent+jwt' },
      ),
  },
};

for (const [path, inbox] of Object.entries(errors)) {
  testEachDatabase(`every error of ${path} has the shape of its standard`, async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri', { inbox: { kinds, audience: 'web' } });
    t.teardown(() => issuer.stop());
    const { type, members } = inbox;
    const auth = inbox.bearer?.(await inbox.sign(issuer));
    const ask = async (what: string, status: number, parts: RequestParts, method = 'POST') => {
      const reply = await app.request(method, path, { auth, type, ...parts });
      t.is(reply.status, status, `${what}: ${reply.text}`);
      t.deepEqual(Object.keys(reply.body).sort(), members, what);
      t.is(reply.headers['content-type'], 'application/json', what);
      t.is(reply.headers['content-language'], path === '/security-events' ? 'en' : undefined, what);
      return reply;
    };
    issuer.answer = 'error';
    const body = inbox.body(await inbox.sign(issuer));
    const keyless = await ask('keys that cannot be had', 503, { body });
    t.regex(keyless.headers['retry-after'] ?? '', /^\d+$/);
    app.advance(11);
    issuer.answer = 'keys';
    const other = await ask('another method', 405, {}, 'GET');
    t.is(other.headers.allow, 'POST');
    await ask('a large body', 413, { body: 'x'.repeat(65_537) });
    await ask('another content type', 400, { type: 'text/plain', body });
    await ask('no content type', 400, { type: undefined });
    await ask('a compressed body', 400, { body, headers: { 'Content-Encoding': 'gzip' } });
    for (const malformed of inbox.malformed) await ask(`the body ${malformed}`, 400, { body: malformed });
    for (const fault of ['writes', 'events'] as const) {
      app.store.fault = fault;
      const reply = await ask(`a store whose ${fault} fail`, 503, {
        body: inbox.body(await inbox.sign(issuer)),
      });
      t.is(reply.headers['retry-after'], '1');
      app.store.fault = 'none';
    }
    const repeated = await repeatHeader(app, path, type);
    t.is(repeated.status, 400);
    t.deepEqual(Object.keys(repeated.body).sort(), members, 'a repeated header');
  });
}

/** A request that no client library would send. */
async function repeatHeader(app: TestApp, path: string, type: string) {
  const sent = httpRequest(`${app.url}${path}`, {
    method: 'POST',
    headers: ['Host', 'x', 'Content-Type', type, 'Content-Type', type],
  });
  sent.end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, body: JSON.parse(await text(response)) };
}

testEachDatabase('inboxes take times with fractions, and any number for a time', async (t, app) => {
  const issuer = await trust(app);
  const token = await issuer.sign({ client_id: 'web', sid: 's1', iat: app.seconds - 60 });
  const logout = await logoutToken(issuer, { sid: 's1', iat: app.seconds - 29.7023141 });
  t.is((await send(app, logout)).status, 200);
  t.false(await app.isActive(token));
  const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
  for (const event_timestamp of [app.seconds - 10.25, -1e300, 1e300]) {
    const events = { [sessionRevoked]: { event_timestamp } };
    const claims = { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, sub_id };
    const body = await issuer.sign(claims, { typ: 'secevent+jwt' });
    const reply = await app.request('POST', '/security-events', { type: 'application/secevent+jwt', body });
    t.is(reply.status, 202, `${event_timestamp}: ${reply.text}`);
  }
});

testEachDatabase('inboxes refuse names that no token could bear', async (t, app) => {
  const issuer = await trust(app);
  for (const name of ['', 'a\u0000b', 'x'.repeat(256), 7]) {
    for (const claims of [{ sid: name }, { sub: name, sid: undefined }, { sub: 'u1', sid: name }])
      t.is((await send(app, await logoutToken(issuer, claims))).status, 400, JSON.stringify(claims));
  }
  t.is((await send(app, await logoutToken(issuer, { sid: 'x'.repeat(255) }))).status, 200);
});

testEachDatabase('one bearer of global token revocations may end several users', async (t, app) => {
  const issuer = await trust(app);
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
