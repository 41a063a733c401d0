// What holds for every inbox: when it is open, whose messages count, the shape of its errors.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { calculateJwkThumbprint } from 'jose';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { switchIssuer } from '../../../src/domain/records/manage-issuers.ts';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import {
  inboxKinds,
  logoutEvents,
  logoutToken,
  sendLogoutToken,
  sessionRevoked,
  trustWithInbox,
  verification,
} from '../../helpers/inboxes.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';
import type { Reply, RequestParts } from '../../helpers/requests.ts';

testEachDatabase('an inbox is off until the record of the issuer names it', async (t, app) => {
  const issuer = await trustWithInbox(app, { kinds: ['security_events'] });
  t.is((await sendLogoutToken(app, await logoutToken(issuer, { sid: 's1' }))).status, 400);
});

for (const namespace of ['its issuer', '*']) {
  testEachDatabase(`a key that was revoked in ${namespace} commands no inbox`, async (t, app) => {
    const ops = await app.addClient({ permissions: ['revoke:any'] });
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const next = await newKey('ES256', 'k2');
    const inbox = { kinds: inboxKinds, audience: 'web' };
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

    const loggedOut = await sendLogoutToken(app, logout);
    t.deepEqual([loggedOut.status, loggedOut.body.error], [400, 'invalid_request']);
    const revoked = await app.json('/global-token-revocation', { sub_id }, `Bearer ${order}`);
    t.deepEqual([revoked.status, revoked.body.error], [401, 'invalid_token']);
    const type = 'application/secevent+jwt';
    const received = await app.request('POST', '/security-events', { type, body: event });
    t.deepEqual([received.status, received.body.err], [400, 'invalid_key']);

    t.true(await app.isActive(victim));
    const refusals = (await app.events('inbox_refused')).map(({ metadata }) => metadata);
    t.deepEqual(
      refusals,
      inboxKinds.map((kind) => ({ inbox: kind, why: 'key_revoked' })),
    );
    const other = await logoutToken(issuer, { sid: 's1' });
    t.is((await sendLogoutToken(app, other)).status, 400, 'a message signed later, too');
    issuer.key = next;
    t.is((await sendLogoutToken(app, await logoutToken(issuer, { sid: 's1' }))).status, 200);
    t.false(await app.isActive(victim));
  });
}

testEachDatabase('an inbox takes nothing of an issuer that is suspended', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const victim = await issuer.sign({ client_id: 'web', sid: 's1', iat: app.seconds - 60 });
  const message = await logoutToken(issuer, { sid: 's1' });
  await switchIssuer(app.store, systemOrigin, issuer.name, false);
  t.is((await sendLogoutToken(app, message)).status, 400);
  t.like((await app.events('inbox_refused'))[0]?.metadata, { why: 'unknown_issuer' });
  const enabled = await app.another();
  await switchIssuer(app.store, systemOrigin, issuer.name, true);
  t.true(await enabled.isActive(victim));
  t.is((await sendLogoutToken(enabled, message)).status, 200);
  t.false(await enabled.isActive(victim));
});

testEachDatabase(
  'an inbox takes a message of an algorithm on record, before its exp, of 16 KiB at most',
  async (t, app) => {
    const [issuer, rsa] = [await TestIssuer.unknown(app, 'https://id.example'), await newKey('RS256', 'k2')];
    const inbox = { kinds: inboxKinds, audience: 'web' };
    await issuer.trust({ jwks: { keys: [issuer.key.jwk, rsa.jwk] }, algorithms: ['ES256'], inbox });
    app.clock.now = (app.seconds + 1) * 1000;
    const statusOf = async (claims: object, key = issuer.key) => {
      const all = { aud: 'web', jti: app.newToken('jti'), events: logoutEvents, ...claims };
      return (await sendLogoutToken(app, await issuer.signAs(all, { typ: 'logout+jwt' }, key))).status;
    };
    const statuses = {
      'algorithm on record': await statusOf({}),
      'another algorithm': await statusOf({}, rsa),
      'before its exp': await statusOf({ exp: app.seconds + 1 }),
      'at its exp': await statusOf({ exp: app.seconds }),
      large: await statusOf({ more: 'x'.repeat(11_000) }),
      'too large': await statusOf({ more: 'x'.repeat(13_000) }),
    };
    t.deepEqual(statuses, {
      'algorithm on record': 200,
      'another algorithm': 400,
      'before its exp': 200,
      'at its exp': 400,
      large: 200,
      'too large': 400,
    });
  },
);

testEachDatabase('an inbox answers 503 and remembers nothing while the store fails', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const mine = await issuer.sign({ client_id: 'web', sid: 's1', iat: app.seconds - 60 });
  const token = await logoutToken(issuer, { sid: 's1' });
  for (const fault of ['writes', 'events'] as const) {
    app.store.fault = fault;
    const reply = await sendLogoutToken(app, token);
    t.is(reply.status, 503);
    app.store.fault = 'none';
  }
  t.is((await sendLogoutToken(app, token)).status, 200);
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
    const issuer = await TestIssuer.fetched(app, 'jwks_uri', {
      inbox: { kinds: inboxKinds, audience: 'web' },
    });
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
    const keyless = await ask('keys that cannot be fetched', 503, { body });
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
  const issuer = await trustWithInbox(app);
  const token = await issuer.sign({ client_id: 'web', sid: 's1', iat: app.seconds - 60 });
  const logout = await logoutToken(issuer, { sid: 's1', iat: app.seconds - 29.7023141 });
  t.is((await sendLogoutToken(app, logout)).status, 200);
  t.false(await app.isActive(token));
  const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
  for (const event_timestamp of [app.seconds - 10.25, 0, 1e300]) {
    const events = { [sessionRevoked]: { event_timestamp } };
    const claims = { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, sub_id };
    const body = await issuer.sign(claims, { typ: 'secevent+jwt' });
    const reply = await app.request('POST', '/security-events', { type: 'application/secevent+jwt', body });
    t.is(reply.status, 202, `${event_timestamp}: ${reply.text}`);
  }
});

testEachDatabase('a message of any inbox counts from its nbf, as clocks may differ', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
  const statuses = async (nbf: unknown) => {
    const claims = { aud: 'web', jti: app.newToken('jti'), nbf };
    const event = { ...claims, sub: undefined, exp: undefined, events: { [sessionRevoked]: {} }, sub_id };
    const set = await issuer.sign(event, { typ: 'secevent+jwt' });
    const order = await issuer.sign(claims, { typ: 'global-token-revocation+jwt' });
    const type = 'application/secevent+jwt';
    const replies = [
      await sendLogoutToken(app, await logoutToken(issuer, { nbf })),
      await app.json('/global-token-revocation', { sub_id }, `Bearer ${order}`),
      await app.request('POST', '/security-events', { type, body: set }),
    ];
    return replies.map(({ status }) => status);
  };
  for (const nbf of [app.seconds + 120, 1e300, String(app.seconds)])
    t.deepEqual(await statuses(nbf), [400, 401, 400], String(nbf));
  for (const nbf of [app.seconds - 0.5, app.seconds + 30, -1, undefined])
    t.deepEqual(await statuses(nbf), [200, 204, 202], String(nbf));
  const whys = new Set((await app.events('inbox_refused')).map(({ metadata }) => metadata.why));
  t.deepEqual([...whys], ['not_yet_valid']);
});

testEachDatabase('a message ends what was issued before it, by the clock of its issuer', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const login = async (sub: string, iat: number) => {
    const said = { token: app.secret(app.newToken()), client_id: 'web', iss: issuer.name, sub, iat };
    t.is((await app.json('/v1/tokens', app.registration(said), registrar)).status, 201);
    return said.token;
  };
  const ways: Readonly<Record<string, (sub: string, iat: number) => Promise<Reply>>> = {
    'back-channel logout': async (sub, iat) => sendLogoutToken(app, await logoutToken(issuer, { sub, iat })),
    'global token revocation': async (sub, iat) => {
      const claims = { aud: 'web', jti: app.newToken('jti'), iat };
      const bearer = await issuer.sign(claims, { typ: 'global-token-revocation+jwt' });
      const sub_id = { format: 'iss_sub', iss: issuer.name, sub };
      return app.json('/global-token-revocation', { sub_id }, `Bearer ${bearer}`);
    },
    'a security event': async (sub, iat) => {
      const sub_id = { format: 'iss_sub', iss: issuer.name, sub };
      const claims = { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, iat, sub_id };
      const body = await issuer.sign(
        { ...claims, events: { [sessionRevoked]: {} } },
        { typ: 'secevent+jwt' },
      );
      return app.request('POST', '/security-events', { type: 'application/secevent+jwt', body });
    },
  };
  for (const [way, send] of Object.entries(ways)) {
    const ahead = await issuer.sign({ client_id: 'web', sub: `${way} 1`, iat: app.seconds + 20 });
    t.true(await app.isActive(ahead));
    t.true((await send(`${way} 1`, app.seconds + 30)).status < 300, way);
    t.false(await app.isActive(ahead), `${way}: its clock is ahead`);

    app.clock.now = (app.seconds + 1) * 1000 + 700;
    const exact = await login(`${way} 2`, app.seconds + 0.013);
    const later = await issuer.sign({ client_id: 'web', sub: `${way} 2`, iat: app.seconds + 1 });
    t.true((await send(`${way} 2`, app.seconds)).status < 300, way);
    t.false(await app.isActive(exact), `${way}: its clock has whole seconds`);
    app.clock.now += 50;
    t.true(await app.isActive(await login(`${way} 2`, app.clock.now / 1000)), `${way}: a login after it`);
    t.true(await app.isActive(later), `${way}: a login in the next second`);
  }
});

testEachDatabase('inboxes refuse names that no token could bear', async (t, app) => {
  const issuer = await trustWithInbox(app);
  for (const name of ['', 'a\u0000b', 'x'.repeat(256), 7]) {
    for (const claims of [{ sid: name }, { sub: name, sid: undefined }, { sub: 'u1', sid: name }])
      t.is(
        (await sendLogoutToken(app, await logoutToken(issuer, claims))).status,
        400,
        JSON.stringify(claims),
      );
  }
  t.is((await sendLogoutToken(app, await logoutToken(issuer, { sid: 'x'.repeat(255) }))).status, 200);
});
