// POST /introspect (RFC 7662): who is told what of a token, and that all others are told the same nothing.
import { systemOrigin } from '../../../src/domain/audit.ts';
import { switchClient } from '../../../src/domain/records/manage-clients.ts';
import { publicUrl } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { activity, logIn } from '../../helpers/logins.ts';
import { likenessOf } from '../../helpers/requests.ts';

const api = 'https://api.example';
const inactive = '{"active":false}';

testEachDatabase('POST /introspect calls a token that is bound to a key no bearer token', async (t, app) => {
  const cnf = { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' };
  const typeOf = async (members: object) =>
    (await app.introspect(await app.register({ client_id: 'c1', ...members }))).token_type;
  t.is(await typeOf({}), 'Bearer');
  t.is(await typeOf({ cnf }), 'DPoP');
  t.is(await typeOf({ cnf, token_type: 'other' }), 'other');
});

testEachDatabase(
  'POST /introspect ignores parameters that nobody knows, however they are named',
  async (t, app) => {
    const token = await app.register({ client_id: 'c1' });
    const observer = await app.observer();
    const reply = await app.form('/introspect', `token=${token}&foo[a]=1&foo[a]=2&[token]=x&b[]`, observer);
    t.true(reply.body.active);
  },
);

testEachDatabase(
  'POST /introspect shows a live access token to its audience as it was registered',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
    const members = {
      scope: 'read write',
      username: 'alice',
      token_type: 'DPoP',
      cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
      authorization_details: [{ type: 'payment', limit: 5 }],
      acr: 'urn:mfa',
      auth_time: app.seconds - 60,
      nbf: app.seconds - 10,
      jti: 'j1',
    };
    const token = await app.register({
      client_id,
      sub: 42,
      session_id: 's1',
      grant_id: 'g1',
      aud: ['x', api],
      ...members,
    });
    const reply = await app.form('/introspect', { token }, resourceServer);
    t.is(reply.status, 200);
    t.deepEqual(reply.body, {
      active: true,
      ...members,
      client_id,
      sub: '42',
      sid: 's1',
      aud: ['x', api],
      iss: publicUrl,
      iat: app.seconds,
      exp: app.seconds + 3600,
      token_use: 'access_token',
      cache_max_age: 0,
    });
  },
);

testEachDatabase('POST /introspect leaves out what it does not know', async (t, app) => {
  const { client_id } = await app.addClient();
  const token = await app.register({ client_id, aud: undefined });
  t.deepEqual(await app.introspect(token), {
    active: true,
    client_id,
    token_type: 'Bearer',
    exp: app.seconds + 3600,
    iat: app.seconds,
    iss: publicUrl,
    token_use: 'access_token',
    cache_max_age: 0,
  });
});

testEachDatabase(
  'POST /introspect shows an access token to its audience, its own client and introspect:any only',
  async (t, app) => {
    const owner = await app.addClient({ permissions: ['introspect'] });
    const callers = {
      audience: await app.addClient({ permissions: ['introspect'], audiences: ['https://other', api] }),
      'audience by client_id': await app.addClient({ clientId: 'rs-1', permissions: ['introspect'] }),
      'its own client': owner,
      'introspect:any': await app.observer(),
      'another audience': await app.addClient({ permissions: ['introspect'], audiences: ['https://other'] }),
      'another client': await app.addClient({ permissions: ['introspect'] }),
    };
    const token = await app.register({ client_id: owner.client_id, aud: [api, 'rs-1'] });
    const seen: Record<string, boolean> = {};
    for (const [who, caller] of Object.entries(callers)) {
      seen[who] = (await app.form('/introspect', { token }, caller)).body.active;
    }
    t.deepEqual(seen, {
      audience: true,
      'audience by client_id': true,
      'its own client': true,
      'introspect:any': true,
      'another audience': false,
      'another client': false,
    });
  },
);

testEachDatabase(
  'POST /introspect shows a refresh token to its own client, its registrar and introspect:any only',
  async (t, app) => {
    const owner = await app.addClient({ permissions: ['introspect'] });
    const registrar = await app.addClient({ permissions: ['register', 'introspect'] });
    const audience = await app.addClient({ permissions: ['introspect'], audiences: [api] });
    const token = app.newToken();
    const registration = app.registration({ token, client_id: owner.client_id, token_use: 'refresh_token' });
    t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
    const answers = await Promise.all(
      [owner, registrar, await app.observer()].map((caller) => app.form('/introspect', { token }, caller)),
    );
    for (const { body } of answers) {
      t.true(body.active);
      t.is(body.token_use, 'refresh_token');
      t.false('token_type' in body);
    }
    t.is((await app.form('/introspect', { token }, audience)).text, inactive);
  },
);

testEachDatabase(
  'POST /introspect answers byte for byte the same for whatever is dead, unknown or not for the caller',
  async (t, app) => {
    const owner = await app.addClient();
    const suspended = await app.addClient();
    const caller = await app.addClient({ permissions: ['introspect'], audiences: [api] });
    const { client_id } = owner;
    const revoked = await app.register({ client_id });
    await app.form('/revoke', { token: revoked }, owner);
    const superseded = await app.register({ client_id, token_use: 'refresh_token' });
    await app.register({ client_id, token_use: 'refresh_token', replaces: superseded });
    const tokens = {
      unknown: 'nobody-registered-this',
      'no token at all': 'é\u0000',
      'too long': 'x'.repeat(16_385),
      expired: await app.register({ client_id, iat: app.seconds - 100, exp: app.seconds }),
      'not valid yet': await app.register({ client_id, nbf: app.seconds + 1 }),
      revoked,
      superseded,
      'of a suspended client': await app.register({ client_id: suspended.client_id }),
      'for another audience': await app.register({ client_id, aud: 'https://other' }),
      'for no audience': await app.register({ client_id, aud: undefined }),
      'a refresh token': await app.register({ client_id, token_use: 'refresh_token' }),
    };
    await switchClient(app.store, systemOrigin, suspended.client_id, false);
    const nothing = likenessOf(await app.form('/introspect', { token: app.newToken() }, caller));
    for (const [what, token] of Object.entries(tokens)) {
      const reply = await app.form('/introspect', { token }, caller);
      t.is(reply.status, 200, what);
      t.is(reply.text, inactive, what);
      t.deepEqual(likenessOf(reply), nothing, what);
    }
  },
);

testEachDatabase(
  'POST /introspect: a token lives from its nbf until just before its exp, without leeway',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const { now } = app.clock;
    const token = await app.register({ client_id, nbf: app.seconds + 10, exp: app.seconds + 20 });
    const from = (app.seconds + 10) * 1000;
    const activeAt: boolean[] = [];
    for (const at of [now, from - 1, from, from + 9_999, from + 10_000]) {
      app.clock.now = at;
      activeAt.push(await app.isActive(token));
    }
    t.deepEqual(activeAt, [false, false, true, true, false]);
  },
);

testEachDatabase(
  'POST /introspect shows fractional times as whole seconds, none of them ahead of the clock',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const { seconds } = app;
    const token = await app.register({
      client_id,
      iat: seconds - 10.5,
      nbf: seconds - 9.5,
      exp: seconds + 10.5,
    });
    const { iat, nbf, exp } = await app.introspect(token);
    t.deepEqual([iat, nbf, exp], [seconds - 11, seconds - 10, seconds + 10]);
  },
);

testEachDatabase(
  'POST /introspect says how long the answer may be trusted, never past exp',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const caller = await app.addClient({ permissions: ['introspect:any'], cacheMaxAge: 60 });
    const token = await app.register({ client_id, exp: app.seconds + 90 });
    t.is((await app.form('/introspect', { token }, caller)).body.cache_max_age, 60);
    t.is((await app.introspect(token)).cache_max_age, 0);
    app.clock.now = (app.seconds + 60) * 1000;
    t.is((await app.form('/introspect', { token }, caller)).body.cache_max_age, 30);
    app.clock.now += 1;
    t.is((await app.form('/introspect', { token }, caller)).body.cache_max_age, 29, 'not past exp');
  },
);

testEachDatabase(
  'POST /introspect: the tokens of a suspended client are inactive at once, and live again when it is enabled',
  async (t, app) => {
    const other = await app.another();
    const client = await app.addClient();
    const { refresh, access } = await logIn(app, client);
    t.deepEqual(await activity(other, [refresh, access]), [true, true]);
    await switchClient(app.store, systemOrigin, client.client_id, false);
    t.deepEqual(await activity(other, [refresh, access]), [false, false]);
    await switchClient(app.store, systemOrigin, client.client_id, true);
    t.deepEqual(await activity(other, [refresh, access]), [true, true]);
  },
);

testEachDatabase('POST /introspect counts a client that is not in our table as enabled', async (t, app) => {
  const token = await app.register({ client_id: 'known-to-its-issuer-only' });
  t.true(await app.isActive(token));
});

testEachDatabase(
  'POST /introspect is for callers that may introspect, own tokens included',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any', 'register', 'audit'] });
    const token = await app.register({ client_id: client.client_id });
    const reply = await app.form('/introspect', { token }, client);
    t.is(reply.status, 403);
    t.deepEqual(reply.body, {
      error: 'unauthorized_client',
      error_description: 'this needs the permission introspect or introspect:any',
    });
  },
);

testEachDatabase('POST /introspect without credentials is a malformed request', async (t, app) => {
  const reply = await app.form('/introspect', { token: 'x' });
  t.is(reply.status, 400);
  t.deepEqual(reply.body, {
    error: 'invalid_request',
    error_description: 'client authentication is missing',
  });
});

testEachDatabase('POST /introspect accepts no bearer token for authorization', async (t, app) => {
  const { client_id } = await app.addClient();
  const token = await app.register({ client_id });
  const reply = await app.form('/introspect', { token }, `Bearer ${token}`);
  t.is(reply.status, 401);
  t.is(reply.body.error, 'invalid_client');
  t.is(reply.headers['www-authenticate'], 'Bearer realm="revocation-server", error="invalid_token"');
});

testEachDatabase('POST /introspect says nothing across origins', async (t, app) => {
  await app.addClient({ allowedOrigins: ['https://app.example'] });
  const headers = { Origin: 'https://app.example' };
  const reply = await app.form('/introspect', { token: 'x' }, await app.observer(), { headers });
  t.is(reply.headers['access-control-allow-origin'], undefined);
});

testEachDatabase('POST /introspect answers 503 while the store fails, never a verdict', async (t, app) => {
  const { client_id } = await app.addClient();
  const token = await app.register({ client_id });
  const observer = await app.observer();
  t.true(await app.isActive(token));
  for (const fault of ['reads', 'everything'] as const) {
    app.store.fault = fault;
    const { status, headers, body } = await app.form('/introspect', { token }, observer);
    t.is(status, 503);
    t.is(headers['retry-after'], '1');
    t.deepEqual(body, {
      error: 'temporarily_unavailable',
      error_description: 'the server cannot answer reliably now, try again',
    });
  }
  app.store.fault = 'writes';
  t.true(await app.isActive(token));
});
