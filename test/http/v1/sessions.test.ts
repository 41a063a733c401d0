// /v1/sessions: a user's devices, and ending one of them.
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

const manager = (app: TestApp) => app.addClient({ permissions: ['sessions'] });

/** A login: a refresh token and an access token of one session. */
async function logIn(app: TestApp, session_id: string, sub = 'u1', more: object = {}): Promise<string> {
  const of = { client_id: 'web', sub, session_id, ...more };
  await app.register({ ...of, token_use: 'refresh_token', exp: app.seconds + 86_400 });
  return app.register(of);
}

testEachDatabase(
  "GET /v1/sessions shows a user's devices, newest first, with what a page needs",
  async (t, app) => {
    const client = await manager(app);
    const began = new Date(app.clock.now).toISOString();
    const phone = await logIn(app, 's-phone', 'u1', { user_agent: 'Phone/1', ip: '203.0.113.7' });
    app.advance(60);
    await logIn(app, 's-laptop');
    await logIn(app, 's-else', 'u2');
    await app.form('/logout', { refresh_token: phone });
    const reply = await app.get('/v1/sessions?user_id=u1&current=s-laptop', client);
    t.is(reply.status, 200);
    t.deepEqual(
      reply.body.items.map((each: Record<string, unknown>) => [each.session_id, each.active, each.current]),
      [
        ['s-laptop', true, true],
        ['s-phone', false, false],
      ],
    );
    t.deepEqual(reply.body.items[1], {
      session_id: 's-phone',
      issuer: publicUrl,
      user_id: 'u1',
      client_id: 'web',
      created_at: began,
      last_active_at: began,
      expires_at: new Date((app.seconds - 60 + 86_400) * 1000).toISOString(),
      user_agent: 'Phone/1',
      ip: '203.0.113.7',
      active: false,
      current: false,
    });
    const first = await app.get('/v1/sessions?user_id=u1&limit=1', client);
    t.is(first.body.items[0].session_id, 's-laptop');
    const second = await app.get(`/v1/sessions?user_id=u1&limit=1&cursor=${first.body.next_cursor}`, client);
    t.is(second.body.items[0].session_id, 's-phone');
    t.is(second.body.next_cursor, null);
    app.advance(2 * 86_400);
    t.deepEqual(
      (await app.get('/v1/sessions?user_id=u1', client)).body.items,
      [],
      'expired ones are left out',
    );
  },
);

testEachDatabase(
  'GET /v1/sessions refuses what it cannot read and whom it does not serve',
  async (t, app) => {
    const client = await manager(app);
    t.is((await app.get('/v1/sessions', client)).body.errors[0].parameter, 'user_id');
    t.is((await app.get('/v1/sessions?user_id=u1&token=x', client)).status, 400);
    for (const [name, length] of [
      ['user_id', 255],
      ['current', 255],
      ['issuer', 512],
    ] as const) {
      const of = (count: number) => ({ user_id: 'u1', [name]: 'x'.repeat(count) });
      const query = (count: number) => `/v1/sessions?${new URLSearchParams(of(count))}`;
      t.not((await app.get(query(length), client)).status, 400, name);
      t.is((await app.get(query(length + 1), client)).body.detail, `${name} is over ${length} characters`);
    }
    t.is((await app.get('/v1/sessions?user_id=u1&cursor=bm8', client)).status, 400);
    const foreign = await app.get('/v1/sessions?user_id=u1&issuer=https%3A%2F%2Fother.example', client);
    t.is(foreign.body.code, 'issuer_not_allowed');
    t.is(foreign.body.detail, 'issuer, by default PUBLIC_URL, is not among those of the client');
    const auditor = await app.auditor();
    t.is((await app.get('/v1/sessions?user_id=u1&issuer=https%3A%2F%2Fother.example', auditor)).status, 200);
    t.is((await app.get('/v1/sessions?user_id=u1', await app.issuer())).status, 403);
  },
);

testEachDatabase(
  'DELETE /v1/sessions/{id} ends one device, says so once, and knows no strangers',
  async (t, app) => {
    const client = await manager(app);
    const phone = await logIn(app, 's/phone');
    const laptop = await logIn(app, 's-laptop');
    const ended = await app.delete('/v1/sessions/s%2Fphone', client);
    t.is(ended.status, 200);
    t.deepEqual(ended.body, { status: 'ended' });
    t.is(ended.headers['revocation-seq'], '1');
    t.false(await app.isActive(phone));
    t.true(await app.isActive(laptop));
    t.deepEqual((await app.delete('/v1/sessions/s%2Fphone', client)).body, { status: 'already_ended' });
    t.deepEqual((await app.delete('/v1/sessions/nobody', client)).body, { status: 'not_found' });
    t.false(await app.isActive(await app.register({ client_id: 'web', sub: 'u1', session_id: 's/phone' })));
    const foreign = await app.addClient({ permissions: ['sessions'], issuers: ['https://other.example'] });
    const audits = { permissions: ['sessions', 'audit'], issuers: ['https://other.example'] } as const;
    for (const stranger of [foreign, await app.addClient(audits)])
      t.deepEqual((await app.delete('/v1/sessions/s-laptop', stranger)).body, { status: 'not_found' });
    t.true(await app.isActive(laptop));
    const [event] = await app.events('session_end');
    t.like(event, {
      userId: 'u1',
      clientId: 'web',
      sessionId: 's/phone',
      reason: 'user_logout',
      channel: 'api',
    });
    const auditor = await app.auditor();
    t.is((await app.delete('/v1/sessions/s-laptop', auditor)).status, 403);
  },
);

testEachDatabase('of simultaneous ends of one session exactly one says ended', async (t, app) => {
  const client = await manager(app);
  await logIn(app, 's1');
  const replies = await Promise.all(Array.from({ length: 20 }, () => app.delete('/v1/sessions/s1', client)));
  t.is(replies.filter(({ body }) => body.status === 'ended').length, 1);
  t.is(replies.filter(({ body }) => body.status === 'already_ended').length, 19);
});

testEachDatabase(
  'last activity moves with rotation at once, and with introspection when the server gets to it',
  async (t, app) => {
    const client = await manager(app);
    const lastActive = async () =>
      Date.parse((await app.get('/v1/sessions?user_id=u1', client)).body.items[0].last_active_at);
    const began = app.clock.now;
    const old = await app.register({
      client_id: 'web',
      sub: 'u1',
      session_id: 's1',
      token_use: 'refresh_token',
    });
    app.advance(100);
    const access = await app.register({
      client_id: 'web',
      sub: 'u1',
      session_id: 's1',
      token_use: 'refresh_token',
      replaces: old,
    });
    t.is(await lastActive(), began + 100_000);
    app.advance(100);
    const other = await app.another();
    for (let n = 0; n < 5; n++) t.true(await other.isActive(access));
    await other.stop();
    t.is(await lastActive(), began + 200_000, 'at the latest when the server stops');
    await app.store.touchSessions('https://other.example', ['s1'], app.clock.now + 50_000);
    t.is(await lastActive(), began + 200_000, 'another issuer has sessions of its own');
    await app.store.touchSessions(publicUrl, ['s1', 'unknown'], app.clock.now - 50_000);
    t.is(await lastActive(), began + 200_000, 'it never moves back');
  },
);
