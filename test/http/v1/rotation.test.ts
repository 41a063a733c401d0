// Rotation of refresh tokens, and what happens when a superseded one comes back (RFC 9700 §4.14.2).
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

const of = { client_id: 'web', sub: 'u1', token_use: 'refresh_token', grant_id: 'g1' };

async function rotate(app: TestApp, replaces: string, on: TestApp = app) {
  const token = app.newToken();
  const reply = await on.json('/v1/tokens', app.registration({ ...of, token, replaces }), await app.issuer());
  return { token, status: reply.status, code: reply.body.code as string | undefined };
}

testEachDatabase(
  'a superseded refresh token is inactive, and presented again it kills its grant',
  async (t, app) => {
    const first = await app.register(of);
    const access = await app.register({ ...of, token_use: 'access_token' });
    const second = await rotate(app, first);
    t.is(second.status, 201);
    t.false(await app.isActive(first));
    t.true(await app.isActive(second.token), 'introspection of the superseded one killed nothing');
    t.true(await app.isActive(access));
    const reuse = await rotate(app, first);
    t.is(reuse.status, 409);
    t.is(reuse.code, 'refresh_token_reuse');
    for (const token of [second.token, access, reuse.token]) t.false(await app.isActive(token));
    const [event] = await app.events('refresh_token_reuse');
    t.like(event, { reason: 'reuse_detected', userId: 'u1', clientId: 'web' });
    t.is((await rotate(app, second.token)).code, 'refresh_token_dead', 'its successor is dead, not reused');
  },
);

testEachDatabase(
  'of simultaneous rotations of one token, on two processes, one wins and the others are reuse',
  async (t, app) => {
    const other = await app.another();
    const first = await app.register(of);
    const tries = await Promise.all(
      Array.from({ length: 10 }, (_, n) => rotate(app, first, n % 2 ? other : app)),
    );
    t.is(tries.filter(({ status }) => status === 201).length, 1);
    t.is(tries.filter(({ code }) => code === 'refresh_token_reuse').length, 9);
    for (const { token } of tries) t.false(await app.isActive(token));
  },
);

testEachDatabase(
  'within the grace interval a retry gets a second successor, after it all die',
  async (t, app) => {
    const first = await app.register(of);
    const second = await rotate(app, first);
    app.advance(30);
    const retried = await rotate(app, first);
    t.is(retried.status, 201);
    t.true(await app.isActive(second.token));
    t.true(await app.isActive(retried.token));
    t.false(await app.isActive(first), 'introspection knows no grace');
    t.deepEqual(
      (await app.events('refresh_token_rotated')).map(({ metadata }) => metadata.retry ?? false),
      [false, true],
    );
    app.advance(1);
    t.is(
      (await rotate(app, first)).code,
      'refresh_token_reuse',
      'counted from the rotation, not from the retry',
    );
    for (const token of [second.token, retried.token]) t.false(await app.isActive(token));
  },
  { REFRESH_TOKEN_GRACE_SECONDS: '30' },
);

testEachDatabase(
  'the grace interval revives nothing: neither a revoked grant nor an expired token',
  async (t, app) => {
    const ops = await app.addClient({ permissions: ['revoke:any', 'admin'] });
    const first = await app.register(of);
    const second = await rotate(app, first);
    await app.json('/v1/revocations', { target: { kind: 'grant', grant_id: 'g1' }, reason: 'admin' }, ops);
    t.is((await rotate(app, first)).code, 'refresh_token_reuse');
    t.false(await app.isActive(second.token));
    const short = await app.register({ ...of, grant_id: 'g2', exp: app.seconds + 5 });
    const grant = { ...of, grant_id: 'g2' };
    const next = app.newToken();
    const rotated = await app.json(
      '/v1/tokens',
      app.registration({ ...grant, token: next, replaces: short }),
      await app.issuer(),
    );
    t.is(rotated.status, 201);
    app.advance(6);
    const again = app.registration({ ...grant, token: app.newToken(), replaces: short });
    t.is((await app.json('/v1/tokens', again, await app.issuer())).body.code, 'refresh_token_reuse');
  },
  { REFRESH_TOKEN_GRACE_SECONDS: '30' },
);
