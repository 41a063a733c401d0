// No secret of a request is written down or sent back, whatever else in the request repeats it.
import { testEachDatabase } from '../helpers/each-database.ts';
import type { Auth } from '../helpers/requests.ts';

testEachDatabase('no request id writes down a token or a secret', async (t, app) => {
  const issuer = await app.issuer();
  const admin = await app.addClient({ permissions: ['admin'] });
  const pasted = (secret: string) => ({ headers: { 'X-Request-Id': secret } });
  const members = { client_id: 'c1', sub: 'u1' };
  const [token, replaces] = [app.newToken(), app.newToken()];
  await app.register({ ...members, token: replaces, token_use: 'refresh_token', session_id: 's0' });
  const rotation = { ...members, token, replaces, token_use: 'refresh_token', session_id: 's0' };
  t.is((await app.json('/v1/tokens', app.registration(rotation), issuer, pasted(replaces))).status, 201);
  const one = app.registration({ ...members, token: app.newToken(), session_id: 's1' });
  t.is((await app.json('/v1/tokens', one, issuer, pasted(String(one.token)))).status, 201);
  const many = [2, 3].map((n) =>
    app.registration({ ...members, token: app.newToken(), session_id: `s${n}` }),
  );
  t.is((await app.json('/v1/tokens', many, issuer, pasted(String(many[1]?.token)))).status, 200);
  const client_secret = app.secret('a-secret-of-at-least-32-characters-x');
  const creation = { client_id: 'new', client_secret };
  t.is((await app.json('/v1/clients', creation, admin, pasted(client_secret))).status, 201);
  const { secret = '' } = admin;
  t.is((await app.json('/v1/clients', { client_id: 'newer' }, admin, pasted(secret))).status, 201);
});

testEachDatabase('what was not read is written down nowhere, though headers repeat it', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  const asks: [string, string, number][] = [
    ['POST', '/v1/tokens', 403],
    ['POST', '/v1/clients/nobody/disable', 400],
    ['GET', '/v1/clients/nobody', 404],
    ['POST', '/nowhere', 404],
    ['POST', '/global-token-revocation', 401],
    ['PUT', '/v1/tokens', 405],
  ];
  for (const [method, path, status] of asks) {
    const token = app.secret(`word.${app.newToken().slice(0, 40)}`);
    const headers = { 'X-Request-Id': token, 'User-Agent': `browser ${token}` };
    const body = JSON.stringify({ token });
    const reply = await app.request(method, path, { auth: admin, type: 'application/json', body, headers });
    t.is(reply.status, status, path);
  }
  const mine = { 'X-Request-Id': '0b3ed8a5-1b1c-4b1e-8f7e-2f1a4b0f6d11' };
  const kept = await app.json('/v1/tokens', {}, admin, { headers: mine });
  t.is(kept.headers['x-request-id'], mine['X-Request-Id'], 'as most name their requests');
});

testEachDatabase(
  'a secret in words is written down nowhere, though a reason or User-Agent repeats it',
  async (t, app) => {
    const secret = app.secret('correct horse battery staple and a lower tail');
    const admin = await app.addClient({ permissions: ['admin'] });
    const creation = { client_id: 'words', permissions: ['revoke:any', 'register'], client_secret: secret };
    t.is((await app.json('/v1/clients', creation, admin)).status, 201);
    const client = ['words', secret] as const;
    const headers = { 'User-Agent': `why ${secret}` };
    const reason = `since ${secret} said so`;
    const token = await app.register({ client_id: 'words' });
    t.is(
      (
        await app.json('/v1/tokens', app.registration({ client_id: 'c1', token: app.newToken() }), client, {
          headers,
        })
      ).status,
      201,
    );
    t.is((await app.form('/revoke', { token, reason }, client, { headers })).status, 200);
    t.is((await app.json('/logout', { user_id: 'u1', reason }, client, { headers })).status, 200);
  },
);

testEachDatabase(
  'what a refused request holds is written down nowhere, though its headers repeat it',
  async (t, app) => {
    const all = ['admin', 'audit', 'register', 'revoke:any', 'introspect:any'] as const;
    /** A client for each attempt: of more than ten refusals of one, not all are events. */
    const caller = () => app.addClient({ permissions: all });
    const admin = await caller();
    const { client_id } = admin;
    let count = 0;
    /** Short, and of plain words: nothing in it looks like a secret. */
    const secret = () => app.secret(`plain-secret-${String.fromCharCode(97 + count++)}-of-mine`);
    const pasted = (text: string) => ({ headers: { 'X-Request-Id': text, 'User-Agent': `tool ${text}` } });
    const wrong: [string, string] = [client_id, 'wrong'];
    const asForm =
      (path: string, bodyOf = (text: string) => `token=${text}`, auth: Auth = wrong) =>
      (text: string) =>
        app.form(path, bodyOf(text), auth, pasted(text));
    const asBody =
      (path: string, type: string | undefined, bodyOf: (text: string) => string) => async (text: string) =>
        app.request('POST', path, { auth: await caller(), type, body: bodyOf(text), ...pasted(text) });
    const asJson = (path: string, bodyOf: (text: string) => object) => async (text: string) =>
      app.json(path, bodyOf(text), await caller(), pasted(text));
    const attempts = {
      '/revoke': asForm('/revoke'),
      '/introspect': asForm('/introspect'),
      '/introspect/batch': asJson('/introspect/batch', (token) => ({ tokens: [token, 1] })),
      '/v1/revocations': asJson('/v1/revocations', (token) => ({
        target: { kind: 'token', token },
        reason: '',
      })),
      '/v1/clients': asJson('/v1/clients', (client_secret) => ({ client_secret, client_id: '' })),
      '/v1/tokens/explain': asJson('/v1/tokens/explain', (token) => ({ token, caller: 1 })),
      '/v1/tokens': asJson('/v1/tokens', (token) => ({ token })),
      '/v1/tokens, array': asJson('/v1/tokens', (token) => [{ token }, { replaces: token }]),
      '/logout': asJson('/logout', (refresh_token) => ({ refresh_token, scope: 'somewhere' })),
      '/revoke, JSON': asJson('/revoke', (token) => ({ token })),
      '/revoke, repeated': asForm('/revoke', (text) => `token=${text}&token=x`),
      '/introspect, over the limit': asForm('/introspect', (text) => `token=${text}&x=${'x'.repeat(70_000)}`),
      '/introspect, badly encoded': asForm('/introspect', (text) => `token=${text}&x=%ZZ`),
      '/v1/tokens, form': asForm('/v1/tokens', (text) => `token=${text}`, admin),
      '/v1/tokens, broken': asBody('/v1/tokens', 'application/json', (text) => `{"token":"${text}"`),
      '/v1/tokens, broken line': asBody('/v1/tokens', 'application/x-ndjson', (text) => `{"token":"${text}"`),
      '/logout, no type': asBody('/logout', undefined, (text) => `{"refresh_token":"${text}"}`),
      '/logout, compressed': (text: string) =>
        app.json('/logout', { refresh_token: text }, undefined, {
          headers: { ...pasted(text).headers, 'Content-Encoding': 'gzip' },
        }),
      "404, the client's secret": (text: string) => app.get('/nowhere', [client_id, text], pasted(text)),
      "404, the bearer's token": (text: string) => app.get('/nowhere', `Bearer ${text}`, pasted(text)),
    };
    for (const [where, attempt] of Object.entries(attempts)) {
      const text = secret();
      const { headers, status } = await attempt(text);
      t.regex(headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/, `${where}: ${status}`);
    }
    const named = { headers: { 'X-Request-Id': 'req-1' } };
    for (const { headers } of [
      await app.form('/revoke', { token: 'x' }, wrong, named),
      await app.form('/introspect', '', admin, named),
      await app.json('/v1/tokens', {}, admin, named),
      await app.request('POST', '/v1/tokens', { auth: admin, ...named }),
      await app.get('/nowhere', admin, named),
    ])
      t.is(headers['x-request-id'], 'req-1', 'what could be read holds no such secret');
    const line = JSON.stringify(app.registration({ token: 'first', client_id, session_id: 's1' }));
    const late = secret();
    await app.request('POST', '/v1/tokens', {
      auth: await caller(),
      type: 'application/x-ndjson',
      body: `${line}\n${JSON.stringify({ token: late })}\n`,
      ...pasted(late),
    });
    const written = await app.store.listEvents({ through: Number.MAX_SAFE_INTEGER }, 1e9, 1000);
    t.true(written.length > Object.keys(attempts).length);
    for (const { userAgent, requestId } of written) t.notRegex(`${userAgent} ${requestId}`, /plain-secret/);
  },
);

testEachDatabase('a User-Agent that repeats token after token is dropped, soon', async (t, app) => {
  const issuer = await app.issuer();
  const tokens = Array.from({ length: 1000 }, (_, n) => `plain ${n} of the many here`);
  const send = (those: readonly string[], userAgent: string) =>
    app.json(
      '/v1/tokens',
      those.map((token) => ({ token })),
      issuer,
      {
        headers: { 'User-Agent': userAgent },
      },
    );
  t.is((await send(tokens.slice(0, 2), `tool ${tokens[0]} ${tokens[1]}`)).status, 200);
  const began = performance.now();
  t.is((await send(tokens, tokens.join(' '))).status, 200);
  t.true(performance.now() - began < 5000);
  const kept = (await app.events('request_refused')).map(({ userAgent }) => userAgent);
  t.deepEqual([...new Set(kept)], ['tool [removed] [removed]', null]);
});

testEachDatabase(
  'thousands of secrets are not looked for one by one in a long User-Agent',
  async (t, app) => {
    const tokens = Array.from({ length: 21_000 }, (_, n) => `aaaa${n.toString(36).padStart(5, '0')}`);
    const headers = { 'User-Agent': 'a'.repeat(30_000), 'X-Request-Id': 'mine' };
    const began = performance.now();
    const reply = await app.json('/introspect/batch', { tokens }, undefined, { headers });
    t.true(performance.now() - began < 700, 'nobody need be known for it');
    t.is(reply.status, 400);
    t.not(reply.headers['x-request-id'], 'mine', 'it could be one of them');
  },
);

testEachDatabase('nor are hundreds of cookies in a request that repeats them all', async (t, app) => {
  const cookies = Array.from({ length: 200 }, (_, n) => `c=${'a'.repeat(8 + n)}`);
  const headers = { 'User-Agent': 'a'.repeat(1_000), Cookie: cookies.join(';') };
  const token = await app.register({ client_id: 'web', sub: 'u1' });
  const body = { refresh_token: token, reason: 'a'.repeat(800) };
  t.is((await app.json('/logout', body, undefined, { headers })).status, 200);
  const [event] = await app.events('logout');
  t.deepEqual([event?.userAgent, event?.reasonText], [null, null]);
});
