// POST /revoke (RFC 7009): what is ended, what is answered, what is written down.
import type { TestApp } from '../../helpers/app.ts';
import { refOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { activity, logIn, rotate } from '../../helpers/logins.ts';
import { likenessOf, type Reply, type TestClient } from '../../helpers/requests.ts';

const alreadyRevoked = { status: 'already_inactive', reason: 'token_already_revoked' };
const expired = { status: 'already_inactive', reason: 'token_expired' };
const notFound = { status: 'already_inactive', reason: 'token_not_found' };

function revokedNow(app: TestApp, reason = 'client_request') {
  return { status: 'revoked', reason, revoked_at: new Date(app.clock.now).toISOString() };
}

testEachDatabase('POST /revoke of a refresh token ends its grant, and says so once', async (t, app) => {
  const client = await app.addClient();
  const { refresh, access } = await logIn(app, client);
  const first = await app.form('/revoke', { token: refresh }, client);
  t.is(first.status, 200);
  t.deepEqual(first.body, revokedNow(app));
  t.deepEqual(await activity(app, [refresh, access]), [false, false]);
  const second = await app.form('/revoke', { token: refresh }, client);
  t.is(second.status, 200);
  t.deepEqual(second.body, alreadyRevoked);
  const [event, again] = (await app.events()).filter(({ action }) => action.startsWith('revoke'));
  t.is(event?.action, 'revoke');
  t.is(again?.action, 'revoke_already_revoked');
});

testEachDatabase('POST /revoke of an access token ends it alone', async (t, app) => {
  const client = await app.addClient();
  const { refresh, access } = await logIn(app, client);
  t.deepEqual((await app.form('/revoke', { token: access }, client)).body, revokedNow(app));
  t.deepEqual(await activity(app, [refresh, access]), [true, false]);
});

testEachDatabase(
  'POST /revoke of an access token ends its grant where its client cascades',
  async (t, app) => {
    const client = await app.addClient({ cascade: 'grant' });
    const { refresh, access } = await logIn(app, client);
    t.deepEqual((await app.form('/revoke', { token: access }, client)).body, revokedNow(app));
    t.deepEqual(await activity(app, [refresh, access]), [false, false]);
  },
);

testEachDatabase('POST /revoke stops at the border of the grant, session or no session', async (t, app) => {
  const client = await app.addClient();
  const one = await logIn(app, client, { session_id: 's1', grant_id: 'g1' });
  const other = await logIn(app, client, { session_id: 's1', grant_id: 'g2' });
  await app.form('/revoke', { token: one.refresh }, client);
  t.deepEqual(await activity(app, [one.access, other.refresh, other.access]), [false, true, true]);
});

testEachDatabase('POST /revoke of a superseded refresh token ends its live grant', async (t, app) => {
  const client = await app.addClient();
  const { refresh, access } = await logIn(app, client, { grant_id: 'g1', session_id: 's1' });
  const successor = await rotate(app, client, refresh);
  t.deepEqual((await app.form('/revoke', { token: refresh }, client)).body, revokedNow(app));
  t.deepEqual(await activity(app, [successor, access]), [false, false]);
  t.deepEqual((await app.form('/revoke', { token: refresh }, client)).body, alreadyRevoked);
  t.deepEqual((await app.form('/revoke', { token: successor }, client)).body, alreadyRevoked);
});

testEachDatabase('POST /revoke of an expired token says token_expired', async (t, app) => {
  const client = await app.addClient();
  const access = await app.register({ client_id: client.client_id });
  app.advance(3600);
  t.deepEqual((await app.form('/revoke', { token: access }, client)).body, expired);
  t.is((await app.events('revoke_expired_token')).length, 1);
});

testEachDatabase('POST /revoke of an expired refresh token still ends its live grant', async (t, app) => {
  const client = await app.addClient();
  const { client_id } = client;
  const refresh = await app.register({ client_id, token_use: 'refresh_token', grant_id: 'g1' });
  const access = await app.register({ client_id, grant_id: 'g1', exp: app.seconds + 7200 });
  app.advance(3600);
  t.deepEqual((await app.form('/revoke', { token: refresh }, client)).body, revokedNow(app));
  t.false(await app.isActive(access));
});

testEachDatabase('POST /revoke of a token that is not valid yet revokes it', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id, nbf: app.seconds + 600 });
  t.deepEqual((await app.form('/revoke', { token }, client)).body, revokedNow(app));
  app.advance(600);
  t.false(await app.isActive(token));
});

testEachDatabase('POST /revoke of what nobody registered says token_not_found', async (t, app) => {
  const client = await app.addClient();
  const unknown = ['nobody-registered-this', 'x'.repeat(16_385), 'é', 'with\u0000nul', 'with\nnewline'];
  for (const token of unknown) {
    const reply = await app.form('/revoke', { token }, client);
    t.is(reply.status, 200);
    t.deepEqual(reply.body, notFound);
  }
  const events = await app.events('revoke_invalid_token');
  t.deepEqual(
    events.map(({ clientId, tokenRef }) => ({ clientId, tokenRef })),
    unknown.map((token, n) => ({
      clientId: client.client_id,
      tokenRef: n === 0 ? refOf(token) : null,
    })),
  );
});

testEachDatabase(
  "POST /revoke of another client's token by a confidential client is refused and audited",
  async (t, app) => {
    const [owner, caller] = [await app.addClient(), await app.addClient()];
    const { refresh, access } = await logIn(app, owner);
    await app.form('/revoke', { token: access }, owner);
    const [alive, dead] = [
      await app.form('/revoke', { token: refresh }, caller),
      await app.form('/revoke', { token: access }, caller),
    ] as [Reply, Reply];
    t.is(alive.status, 400);
    t.deepEqual(alive.body, {
      error: 'invalid_grant',
      error_description: 'the token was not issued to this client',
    });
    t.is(dead.text, alive.text);
    t.is(dead.status, 400);
    t.true(await app.isActive(refresh));
    const events = await app.events('revoke_foreign_token');
    t.deepEqual(
      events.map(({ actor, tokenRef }) => [actor.id, tokenRef]),
      [refresh, access].map((token) => [caller.client_id, refOf(token)]),
    );
  },
);

testEachDatabase(
  "POST /revoke of another client's token by a public client looks like an unknown token",
  async (t, app) => {
    const owner = await app.addClient();
    const caller = await app.addClient({ authMethod: 'none' });
    const { access } = await logIn(app, owner);
    const { client_id } = caller;
    const foreign = await app.form('/revoke', { token: access, client_id });
    const unknown = await app.form('/revoke', { token: 'unknown', client_id });
    t.is(foreign.status, 200);
    t.deepEqual(likenessOf(foreign), likenessOf(unknown));
    t.true(await app.isActive(access));
    t.is((await app.events('revoke_foreign_token')).length, 1);
  },
);

testEachDatabase(
  'POST /revoke by a client that may revoke anything ends the token of another',
  async (t, app) => {
    const owner = await app.addClient();
    const caller = await app.addClient({ permissions: ['revoke:any'] });
    const { refresh, access } = await logIn(app, owner);
    t.deepEqual((await app.form('/revoke', { token: refresh }, caller)).body, revokedNow(app));
    t.deepEqual(await activity(app, [refresh, access]), [false, false]);
  },
);

testEachDatabase('POST /revoke lets a public client end its own token by naming itself', async (t, app) => {
  const client = await app.addClient({ authMethod: 'none' });
  const { refresh } = await logIn(app, client);
  const { client_id } = client;
  t.deepEqual((await app.form('/revoke', { token: refresh, client_id })).body, revokedNow(app));
  t.false(await app.isActive(refresh));
});

testEachDatabase('POST /revoke keeps a reason code, and other words beside one', async (t, app) => {
  const client = await app.addClient();
  const kept = async (reason: string) => {
    const token = await app.register({ client_id: client.client_id });
    const { body } = await app.form('/revoke', { token, reason: reason.replace('TOKEN', token) }, client);
    const event = (await app.events('revoke')).at(-1);
    return [body.reason, event?.reason, event?.reasonText];
  };
  t.deepEqual(await kept('password_reset'), ['password_reset', 'password_reset', null]);
  t.deepEqual(await kept('lost on a train'), ['lost on a train', 'client_request', 'lost on a train']);
  t.deepEqual(await kept('two\r\nlines'), ['two lines', 'client_request', 'two lines']);
  t.deepEqual(await kept('it was TOKEN'), ['it was [removed]', 'client_request', 'it was [removed]']);
  t.deepEqual(await kept('\u0000'), ['client_request', 'client_request', null]);
  const long = 'a '.repeat(300);
  t.is(String((await kept(long))[0]).length, 200);
});

testEachDatabase(
  'POST /revoke gives no caller a reason that means something to the rules',
  async (t, app) => {
    const client = await app.addClient();
    const { refresh, access } = await logIn(app, client, { grant_id: 'g1' });
    await app.form('/revoke', { token: refresh, reason: 'superseded' }, client);
    const rotation = app.registration({
      token: app.newToken(),
      client_id: client.client_id,
      token_use: 'refresh_token',
      aud: undefined,
      replaces: refresh,
    });
    const reply = await app.json('/v1/tokens', rotation, await app.issuer());
    t.is(reply.body.code, 'refresh_token_dead');
    t.false(await app.isActive(access));
  },
);

testEachDatabase('POST /revoke writes down who, from where, and by which request', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id, sub: 'u1', session_id: 's1' });
  const headers = { 'X-Request-Id': 'req-1', 'User-Agent': `tool/1.0 ${token}` };
  const reply = await app.form('/revoke', { token }, client, { headers });
  t.is(reply.headers['x-request-id'], 'req-1');
  const { seq: _, ...event } = (await app.events('revoke'))[0] as { seq: number };
  t.deepEqual<unknown, unknown>(event, {
    at: app.clock.now,
    action: 'revoke',
    reason: 'client_request',
    reasonText: null,
    actor: { kind: 'client', id: client.client_id },
    channel: 'oauth',
    userId: 'u1',
    clientId: client.client_id,
    sessionId: 's1',
    tokenRef: refOf(token),
    ip: '127.0.0.1',
    userAgent: 'tool/1.0 [removed]',
    requestId: 'req-1',
    count: 1,
    metadata: {},
  });
});

testEachDatabase(
  'a request id that repeats a credential of the header is replaced, however that is written',
  async (t, app) => {
    const { client_id: id, secret } = await app.addClient({ clientId: 'edge' });
    const encoded = app.secret(Buffer.from(`${id}:${secret}`).toString('base64').replace(/=+$/, ''));
    const token = app.newToken().slice(0, 40);
    app.secret(token);
    const written: [string, string][] = [
      [`Basic ${encoded}`, encoded],
      [`Basic ${id}:${token}`, token],
      [`DPoP ${token}`, token],
      [`Bearer\t${token}`, token],
      ['Bearer abc', 'abc'],
      [`Bearer "${token}"`, token],
      [token, token],
    ];
    for (const [header, requestId] of written) {
      const reply = await app.get('/v1/clients', header, { headers: { 'X-Request-Id': requestId } });
      t.true(reply.status >= 400, header);
      t.regex(reply.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/, header);
    }
    const cookie = { Cookie: `session=${token}`, 'X-Request-Id': token };
    const reply = await app.get('/health/alive', undefined, { headers: cookie });
    t.regex(reply.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
  },
);

testEachDatabase('POST /revoke takes no token for a request id', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id, token: app.newToken().slice(0, 30) });
  const reply = await app.form('/revoke', { token }, client, { headers: { 'X-Request-Id': token } });
  t.is(reply.body.status, 'revoked');
  t.regex(reply.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
});

testEachDatabase(
  'POST /revoke: of 100 simultaneous revocations at two servers exactly one answers revoked',
  async (t, app) => {
    const other = await app.another();
    const client = await app.addClient();
    const { refresh } = await logIn(app, client);
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        (n % 2 ? app : other).form('/revoke', { token: refresh }, client),
      ),
    );
    t.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
    t.is(replies.filter(({ body }) => body.status === 'revoked').length, 1);
    t.is(replies.filter(({ body }) => body.reason === 'token_already_revoked').length, 99);
    t.is((await app.events('revoke')).length, 1);
    t.is((await app.events('revoke_already_revoked')).length, 99);
  },
);

testEachDatabase(
  'POST /revoke answers 503 while the store fails, and nothing was revoked',
  async (t, app) => {
    const client = await app.addClient();
    const { refresh, access } = await logIn(app, client);
    for (const fault of ['reads', 'writes', 'everything', 'events'] as const) {
      app.store.fault = fault;
      await assertUnavailable(app, t, refresh, client);
      app.store.fault = 'none';
      t.deepEqual(await activity(app, [refresh, access]), [true, true], fault);
    }
    t.deepEqual(await app.events('revoke'), []);
    t.is((await app.form('/revoke', { token: refresh }, client)).body.status, 'revoked');
  },
);

testEachDatabase(
  'POST /revoke of a foreign or unknown token answers 503 when that cannot be audited',
  async (t, app) => {
    const [owner, caller] = [await app.addClient(), await app.addClient()];
    const { access } = await logIn(app, owner);
    app.store.fault = 'events';
    await assertUnavailable(app, t, access, caller);
    await assertUnavailable(app, t, 'unknown', caller);
  },
);

async function assertUnavailable(
  app: TestApp,
  t: { deepEqual(actual: unknown, expected: unknown): void },
  token: string,
  client: TestClient,
): Promise<void> {
  const { status, headers, body } = await app.form('/revoke', { token }, client);
  t.deepEqual(
    { status, retry: headers['retry-after'], body },
    {
      status: 503,
      retry: '1',
      body: {
        error: 'temporarily_unavailable',
        error_description: 'the server cannot answer reliably now, try again',
      },
    },
  );
}
