// POST /v1/tokens: registration, its idempotence and conflicts. Many at once are in many-tokens.test.ts, rotation in
// token-rotation.test.ts, malformed bodies in bad-registrations.test.ts.
import { gzipSync } from 'node:zlib';
import { calculateJwkThumbprint } from 'jose';
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { refOf, wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { forge, TestIssuer } from '../../helpers/issuer.ts';
import { activity } from '../../helpers/logins.ts';
import type { Reply } from '../../helpers/requests.ts';

const path = '/v1/tokens';
async function post(app: TestApp, members: Record<string, unknown>): Promise<Reply> {
  return app.json(path, app.registration({ client_id: 'c1', ...members }), await app.issuer());
}

testEachDatabase('POST /v1/tokens answers 201 for a new token and 200 for the same again', async (t, app) => {
  const token = app.newToken();
  const members = { token, sub: 'u1', session_id: 's1', grant_id: 'g1' };
  const first = await post(app, members);
  t.is(first.status, 201);
  t.deepEqual(first.body, {
    status: 'registered',
    token_ref: refOf(token),
    active: true,
    session_id: 's1',
    grant_id: 'g1',
  });
  const again = await post(app, members);
  t.is(again.status, 200);
  t.deepEqual(again.body, { ...first.body, status: 'already_registered' });
});

testEachDatabase('POST /v1/tokens takes -0 for 0, also when the same is said again', async (t, app) => {
  const details = [{ type: 'pay', balance: 'minus zero' }];
  const item = app.registration({ client_id: 'c1', token: app.newToken(), authorization_details: details });
  const body = JSON.stringify(item).replace('"minus zero"', '-0.0');
  const auth = await app.issuer();
  for (const status of [201, 200])
    t.is((await app.request('POST', path, { auth, type: 'application/json', body })).status, status);
});

testEachDatabase('POST /v1/tokens takes the digest instead of the token', async (t, app) => {
  const token = app.newToken();
  const byDigest = await post(app, { token_digest: wireDigestOf(token) });
  t.is(byDigest.status, 201);
  t.true(await app.isActive(token));
  t.is((await post(app, { token })).status, 200);
});

testEachDatabase(
  'POST /v1/tokens finds a JWT by its whole string and names it by its signing input',
  async (t, app) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signingInput = `${part({ alg: 'ES256' })}.${part({ iss: 'https://untrusted.example' })}`;
    const token = app.secret(`${signingInput}.c2lnbmF0dXJl`);
    const { status, body } = await post(app, { token });
    t.is(status, 201);
    t.is(body.token_ref, refOf(signingInput));
    t.true(await app.isActive(token));
    t.is((await post(app, { token, signing_input_digest: wireDigestOf(signingInput) })).status, 200);
    const wrong = await post(app, { token, signing_input_digest: wireDigestOf('other') });
    t.is(wrong.body.errors[0].parameter, 'signing_input_digest');
    const told = () => app.log.filter((line) => line.issuer === 'https://untrusted.example').length;
    t.is(told(), 1, 'of the question whether it is active');
    const other = await app.another();
    await post(other, { token });
    t.deepEqual(
      other.log.filter((line) => line.issuer !== undefined),
      [],
      'a registrar may register what we do not trust',
    );
  },
);

testEachDatabase('POST /v1/tokens makes a refresh token without a grant its own grant', async (t, app) => {
  const { body } = await post(app, { token: app.newToken(), token_use: 'refresh_token' });
  t.regex(body.grant_id, /^grant-[0-9a-f]{32}$/);
});

testEachDatabase('POST /v1/tokens refuses other claims for a token that is known', async (t, app) => {
  const known = { token: app.newToken(), sub: 'u1', grant_id: 'g1', session_id: 's1', scope: 'read' };
  await post(app, known);
  const changes = [
    { sub: 'u2' },
    { scope: 'write' },
    { client_id: 'c2' },
    { exp: app.seconds + 60 },
    { iat: app.seconds - 1 },
    { aud: 'https://other' },
    { token_use: 'refresh_token' },
    { session_id: undefined },
    { jti: 'j1' },
    { cnf: { jkt: 'x' } },
  ];
  for (const change of changes) {
    const [name] = Object.keys(change);
    const { status, body } = await post(app, { ...known, ...change });
    t.is(status, 409);
    t.deepEqual(body, {
      type: '/problems/claims_conflict',
      title: 'The token is registered with other claims',
      status: 409,
      detail: `${name} is not what the token was registered with`,
      code: 'claims_conflict',
      errors: [{ parameter: name, message: `${name} is not what the token was registered with` }],
    });
  }
  const shown = await app.introspect(known.token);
  t.deepEqual([shown.sub, shown.scope, shown.client_id], ['u1', 'read', 'c1']);
});

testEachDatabase(
  'POST /v1/tokens holds a grant to one issuer, client and user, a session to one issuer and user',
  async (t, app) => {
    const issuer = await app.addClient({
      permissions: ['register'],
      issuers: [publicUrl, 'https://other.example'],
    });
    const registerAs = (members: Record<string, unknown>) =>
      app.json(path, app.registration({ client_id: 'c1', token: app.newToken(), ...members }), issuer);
    await registerAs({ sub: 'u1', grant_id: 'g1', session_id: 's1' });
    const codes: Record<string, string> = {};
    const tries = {
      'grant, other user': { sub: 'u2', grant_id: 'g1' },
      'grant, no user': { grant_id: 'g1' },
      'grant, other client': { sub: 'u1', grant_id: 'g1', client_id: 'c2' },
      'grant, other issuer': { sub: 'u1', grant_id: 'g1', iss: 'https://other.example' },
      'session, other user': { sub: 'u2', session_id: 's1' },
      'session, other issuer': { sub: 'u1', session_id: 's1', iss: 'https://other.example' },
      'session, other client': { sub: 'u1', session_id: 's1', client_id: 'c2' },
    };
    for (const [what, members] of Object.entries(tries)) {
      const { status, body } = await registerAs(members);
      const errors = (body.errors ?? []) as { parameter: string }[];
      const named = errors.map(({ parameter }) => parameter);
      codes[what] = [status, body.code ?? body.status, ...named].join(' ');
    }
    // What belongs to another issuer is not described.
    t.deepEqual(codes, {
      'grant, other user': '409 grant_conflict sub',
      'grant, no user': '409 grant_conflict sub',
      'grant, other client': '409 grant_conflict client_id',
      'grant, other issuer': '409 grant_conflict',
      'session, other user': '409 session_conflict sub',
      'session, other issuer': '409 session_conflict',
      'session, other client': '201 registered',
    });
  },
);

testEachDatabase(
  'POST /v1/tokens writes a login when a session is first seen, as the issuer describes it',
  async (t, app) => {
    const login = { sub: 'u1', session_id: 's1', user_agent: 'Phone/2\n(x)', ip: '2001:db8::7' };
    await post(app, { token: app.newToken(), ...login });
    await post(app, { token: app.newToken(), ...login, user_agent: 'other', ip: '192.0.2.1' });
    const events = await app.events('login');
    t.deepEqual(
      events.map(({ userId, sessionId, clientId, userAgent, ip, actor }) => [
        userId,
        sessionId,
        clientId,
        userAgent,
        ip,
        actor.id,
      ]),
      [['u1', 's1', 'c1', 'Phone/2 (x)', '2001:db8::7', (await app.issuer()).client_id]],
    );
  },
);

testEachDatabase(
  'POST /v1/tokens says when a token is not active, and registers it all the same',
  async (t, app) => {
    const user = await app.addClient({ permissions: ['revoke:any'] });
    app.advance(-100);
    const { seconds } = app;
    app.advance(100);
    await app.json('/logout', { user_id: 'gone' }, user);
    const tokens = {
      'covered by a cutoff': { sub: 'gone', iat: seconds },
      expired: { iat: seconds, exp: app.seconds },
      'not valid yet': { nbf: app.seconds + 10 },
    };
    for (const [what, members] of Object.entries(tokens)) {
      const { status, body } = await post(app, { token: app.newToken(), ...members });
      t.is(status, 201, what);
      t.is(body.active, false, what);
    }
  },
);

testEachDatabase('POST /v1/tokens says of a JWT what introspection says of it', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const stolen = await TestIssuer.inline(app, { issuer: 'https://stolen.example' });
  const stranger = await TestIssuer.unknown(app, 'https://stranger.example');
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const thumbprint = await calculateJwkThumbprint(stolen.key.jwk);
  const target = { kind: 'key', thumbprint, issuer: stolen.name };
  const order = { target, reason: 'key_compromise', confirm: thumbprint };
  t.is((await app.json('/v1/revocations', order, operator)).status, 201);
  const issuers = [issuer, stolen, stranger].map(({ name }) => name);
  const registrar = await app.addClient({ permissions: ['register'], issuers: [...issuers, publicUrl] });
  const of = { client_id: 'c1', sub: 'u1' };
  const own = { ...of, iss: issuer.name };
  const cases: [string, string, Record<string, unknown>, boolean][] = [
    ['as it is signed', await issuer.sign({ ...of, n: 1 }), own, true],
    ['with a member that is not signed', await issuer.sign({ n: 2 }), { ...own, session_id: 's1' }, true],
    ['of an issuer nobody trusts', await stranger.sign(of), { ...of, iss: stranger.name }, true],
    ['of another issuer', await issuer.sign({ ...of, n: 3 }), of, false],
    ['of another trusted issuer', await issuer.sign({ ...of, n: 4 }), { ...of, iss: stolen.name }, false],
    ['of another user', await issuer.sign({ ...of, n: 5 }), { ...own, sub: 'u2' }, false],
    ['for another use', await issuer.sign({ ...of, n: 6 }), { ...own, token_use: 'refresh_token' }, false],
    ['longer than it is signed', await issuer.sign({ ...of, n: 7, exp: app.seconds - 1 }), own, false],
    ['sooner than it is signed', await issuer.sign({ ...of, nbf: app.seconds + 60 }), own, false],
    ['that nobody signed', app.secret(forge(await issuer.sign({ ...of, n: 8 }))), own, false],
    ['signed with a revoked key', await stolen.sign(of), { ...of, iss: stolen.name }, false],
  ];
  for (const [how, token, members, active] of cases) {
    for (const status of [201, 200]) {
      const reply = await app.json('/v1/tokens', app.registration({ token, ...members }), registrar);
      t.deepEqual([reply.status, reply.body.active], [status, active], `${how}: ${reply.text}`);
      t.is(await app.isActive(token), active, `${how}, introspected`);
    }
  }
  const forged = app.secret(forge(String(cases[0]?.[1])));
  const respelt = await app.json('/v1/tokens', app.registration({ token: forged, ...own }), registrar);
  t.deepEqual(
    [respelt.status, respelt.body.active],
    [200, false],
    'known, by a signature that is not its own',
  );
  t.false(await app.isActive(forged));
});

testEachDatabase(
  'POST /v1/tokens brings no dead JWT back by what its signature leaves out',
  async (t, app) => {
    const inbox = { kinds: ['backchannel_logout'], audience: 'web', keep_offline: true };
    const issuer = await TestIssuer.inline(app, { default_client: 'web', inbox });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const iat = app.seconds - 60;
    const [ofClient, online, alive] = [
      await issuer.sign({ iat, n: 1 }),
      await issuer.sign({ iat, sid: 's1' }),
      await issuer.sign({ iat: app.seconds, n: 2 }),
    ];
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const logout = { aud: 'web', jti: 'logout-1', sid: 's1', iat: app.seconds - 30, events };
    const logout_token = await issuer.sign(logout, { typ: 'logout+jwt' });
    t.is((await app.form('/backchannel-logout', { logout_token })).status, 200);
    const register = async (token: string, members: object) => {
      const said = { token, iss: issuer.name, sub: 'u1', iat, client_id: 'tv', ...members };
      const { status, body } = await app.json('/v1/tokens', app.registration(said), registrar);
      return [status, body.code ?? body.active];
    };
    const offline = { client_id: 'web', scope: 'offline_access' };
    t.deepEqual(await register(online, offline), [409, 'claims_conflict']);
    const cutoff = new Date((app.seconds - 10) * 1000).toISOString();
    const target = { kind: 'client', client_id: 'web', issuer: issuer.name };
    const order = { target, cutoff, reason: 'admin', confirm: 'web' };
    t.is((await app.json('/v1/revocations', order, operator)).status, 201);
    t.deepEqual(await register(ofClient, {}), [409, 'claims_conflict']);
    t.deepEqual(await register(online, offline), [201, false], 'dead by any name');
    t.deepEqual(await register(alive, { iat: app.seconds }), [201, true]);
    t.deepEqual(await Promise.all([ofClient, online, alive].map((token) => app.isActive(token))), [
      false,
      false,
      true,
    ]);
    t.deepEqual(
      (await app.events('registration_refused')).map(({ metadata }) => metadata),
      [{ code: 'claims_conflict' }, { code: 'claims_conflict' }],
    );
  },
);

testEachDatabase(
  'POST /v1/tokens answers 503 of a JWT whose keys cannot be fetched, and registers nothing',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app);
    t.teardown(() => issuer.stop());
    issuer.answer = 'error';
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name, publicUrl] });
    const token = await issuer.sign({ client_id: 'c1' });
    const said = app.registration({ token, client_id: 'c1', sub: 'u1', iss: issuer.name });
    const reply = await app.json('/v1/tokens', said, registrar);
    t.deepEqual([reply.status, reply.body.code], [503, 'temporarily_unavailable']);
    t.regex(reply.headers['retry-after'] ?? '', /^\d+$/);
    const opaque = app.registration({ token: app.newToken(), client_id: 'c1' });
    const { body } = await app.json('/v1/tokens', [said, opaque], registrar);
    t.deepEqual(
      body.items.map((item: { http_status: number }) => item.http_status),
      [503, 201],
    );
    app.advance(11);
    issuer.answer = 'keys';
    const again = await app.json('/v1/tokens', said, registrar);
    t.deepEqual([again.status, again.body.active], [201, true]);
  },
);

testEachDatabase('POST /v1/tokens lets a clock that runs ahead outlive no cutoff', async (t, app) => {
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const ahead = await app.register({ client_id: 'c1', sub: 'u1', iat: app.seconds + 60 });
  t.true(await app.isActive(ahead));
  await app.json('/logout', { user_id: 'u1' }, operator);
  t.false(await app.isActive(ahead));
});

testEachDatabase('POST /v1/tokens compares fractional issue times with a cutoff exactly', async (t, app) => {
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  app.clock.now = (app.seconds + 1) * 1000 + 500;
  await app.json('/logout', { user_id: 'u1' }, operator);
  app.advance(2);
  const at = app.seconds - 2;
  const survives: boolean[] = [];
  for (const iat of [at, at + 0.5, at + 0.501, at + 1]) {
    survives.push((await post(app, { token: app.newToken(), sub: 'u1', iat })).body.active);
  }
  t.deepEqual(survives, [false, false, true, true]);
});

testEachDatabase('a cutoff that is finer than a millisecond reaches all of it', async (t, app) => {
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const iat = app.seconds - 10;
  const [within, after] = [
    await app.register({ client_id: 'c1', sub: 'u1', iat: iat + 0.0004 }),
    await app.register({ client_id: 'c1', sub: 'u1', iat: iat + 0.0011 }),
  ];
  const cutoff = new Date(iat * 1000).toISOString().replace('.000Z', '.0005Z');
  const order = { target: { kind: 'subject', sub: 'u1' }, reason: 'admin', cutoff };
  t.is((await app.json('/v1/revocations', order, operator)).status, 201);
  t.deepEqual([await app.isActive(within), await app.isActive(after)], [false, true]);
});

testEachDatabase('POST /v1/tokens is for clients that may register, for their issuers', async (t, app) => {
  const weak = await app.addClient({ permissions: ['introspect', 'admin'] });
  const other = await app.addClient({ permissions: ['register'], issuers: ['https://other.example'] });
  const registration = app.registration({ token: app.newToken(), client_id: 'c1' });
  const refused = await app.json(path, registration, weak);
  t.deepEqual([refused.status, refused.body.code], [403, 'insufficient_permission']);
  t.is(refused.body.detail, 'this needs the permission register');
  for (const iss of [undefined, publicUrl, 'https://evil.example']) {
    const { status, body } = await app.json(path, { ...registration, iss }, other);
    t.deepEqual([status, body.code], [403, 'issuer_not_allowed']);
    t.is(body.detail, 'iss, by default PUBLIC_URL, is not among the issuers of this client');
  }
  const allowed = await app.json(path, { ...registration, iss: 'https://other.example' }, other);
  t.is(allowed.status, 201);
});

testEachDatabase('POST /v1/tokens keeps the users of different issuers apart', async (t, app) => {
  const other = await app.addClient({ permissions: ['register'], issuers: ['https://other.example'] });
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const foreign = app.newToken();
  const registration = { token: foreign, client_id: 'c1', sub: 'u1', iss: 'https://other.example' };
  await app.json(path, app.registration(registration), other);
  const own = await app.register({ client_id: 'c1', sub: 'u1' });
  await app.json('/logout', { user_id: 'u1' }, operator);
  t.deepEqual(await activity(app, [own, foreign]), [false, true]);
});

testEachDatabase(
  'POST /v1/tokens: of 50 identical simultaneous registrations at two servers one is new',
  async (t, app) => {
    const other = await app.another();
    const issuer = await app.issuer();
    const body = app.registration({ token: app.newToken(), client_id: 'c1', sub: 'u1', session_id: 's1' });
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? app : other).json(path, body, issuer)),
    );
    t.is(replies.filter(({ status }) => status === 201).length, 1);
    t.is(replies.filter(({ status }) => status === 200).length, 49);
    t.is((await app.events('login')).length, 1);
  },
);

testEachDatabase(
  'POST /v1/tokens answers 503 while the store fails, and nothing is registered',
  async (t, app) => {
    const members = { token: app.newToken(), sub: 'u1', session_id: 's1' };
    const body = app.registration({ client_id: 'c1', ...members });
    const issuer = await app.issuer();
    await app.json(path, {}, issuer);
    for (const fault of ['writes', 'everything', 'events'] as const) {
      app.store.fault = fault;
      const one = await app.json(path, body, issuer);
      t.deepEqual(
        [one.status, one.headers['retry-after'], one.body.code],
        [503, '1', 'temporarily_unavailable'],
      );
      const many = await app.json(path, [body, body], issuer);
      // Where the caller cannot be looked up, the whole request fails; else each item.
      const failures: { code: string }[] = many.body.items ?? [many.body];
      t.true(failures.length > 0 && failures.every(({ code }) => code === 'temporarily_unavailable'));
      const lines = await app.request('POST', path, {
        auth: issuer,
        type: 'application/x-ndjson',
        body: JSON.stringify(body),
      });
      const line = JSON.parse(lines.text);
      t.is(line.http_status ?? line.status, 503);
      app.store.fault = 'none';
      t.false(await app.isActive(members.token), fault);
    }
    t.deepEqual(await app.events('login'), []);
    t.is((await app.json(path, body, issuer)).status, 201);
    t.is((await app.events('login')).length, 1);
  },
);

testEachDatabase('JSON that is not UTF-8, or compressed, is refused', async (t, app) => {
  const issuer = await app.issuer();
  const registration = app.registration({ token: app.newToken(), client_id: 'c1', sub: 'a?b' });
  const text = JSON.stringify(registration);
  const broken = Buffer.from(text);
  broken[text.indexOf('?')] = 0xff;
  for (const type of ['application/json', 'application/x-ndjson']) {
    const reply = await app.request('POST', '/v1/tokens', { auth: issuer, type, body: broken });
    t.regex(reply.text, /is not valid JSON in UTF-8/, type);
    const headers = { 'Content-Encoding': 'gzip' };
    const packed = await app.request('POST', '/v1/tokens', {
      auth: issuer,
      type,
      headers,
      body: gzipSync(text),
    });
    t.is(packed.status, 415, type);
  }
});
