// REFRESH_TOKEN_GRACE_SECONDS: how long a superseded refresh token may be rotated once more, and what that must not
// revive. Without it a superseded one that comes back is reuse: token-rotation.test.ts.
import type { TestApp } from '../../helpers/app.ts';
import { wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

const of = { client_id: 'web', sub: 'u1', token_use: 'refresh_token', grant_id: 'g1' };

async function rotate(app: TestApp, replaces: string, on: TestApp = app) {
  const token = app.newToken();
  const reply = await on.json('/v1/tokens', app.registration({ ...of, token, replaces }), await app.issuer());
  return { token, status: reply.status, code: reply.body.code as string | undefined };
}

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
    t.is((await rotate(app, first)).code, 'refresh_token_dead');
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
    t.is((await app.json('/v1/tokens', again, await app.issuer())).body.code, 'refresh_token_dead');
    t.true(await app.isActive(next), 'a retry that comes too late for the token is no theft');
    t.deepEqual(await app.events('refresh_token_reuse'), []);
  },
  { REFRESH_TOKEN_GRACE_SECONDS: '30' },
);

testEachDatabase(
  'a retry within the grace interval, while the client is suspended, does not end the grant',
  async (t, app) => {
    const ops = await app.addClient({ permissions: ['admin'] });
    const { client_id } = await app.addClient({ clientId: of.client_id });
    const first = await app.register(of);
    const second = await rotate(app, first);
    await app.json(`/v1/clients/${client_id}/disable`, {}, ops);
    t.is((await rotate(app, first)).code, 'refresh_token_dead');
    await app.json(`/v1/clients/${client_id}/enable`, {}, ops);
    t.true(await app.isActive(second.token), 'a suspension is reversible');
    t.is((await rotate(app, first)).status, 201);
    await app.json(`/v1/clients/${client_id}/disable`, {}, ops);
    app.advance(31);
    t.is(
      (await rotate(app, first)).code,
      'refresh_token_reuse',
      'after the interval it is reuse all the same',
    );
    await app.json(`/v1/clients/${client_id}/enable`, {}, ops);
    t.false(await app.isActive(second.token));
  },
  { REFRESH_TOKEN_GRACE_SECONDS: '30' },
);

const waysToEnd: Readonly<Record<string, (app: TestApp, token: string, by: TestClient) => Promise<Reply>>> = {
  'POST /v1/revocations': (app, token, by) =>
    app.json('/v1/revocations', { target: { kind: 'token', token }, reason: 'admin' }, by),
  'POST /v1/revocations by its digest': (app, token, by) => {
    const token_digest = wireDigestOf(token);
    return app.json('/v1/revocations', { target: { kind: 'token', token_digest }, reason: 'admin' }, by);
  },
  'POST /logout': (app, token) => app.json('/logout', { refresh_token: token }),
  'POST /revoke': (app, token, by) => app.form('/revoke', { token }, by),
};

for (const [way, end] of Object.entries(waysToEnd))
  testEachDatabase(
    `${way} of a token that was just replaced ends its grace interval, once`,
    async (t, app) => {
      const ops = await app.addClient({ permissions: ['revoke:any'] });
      // Without a user, /logout ends the token alone; its one successor is dead.
      const { sub: _, ...nobody } = of;
      const first = await app.register(nobody);
      const next = (token: string) => app.registration({ ...nobody, token, replaces: first });
      const second = app.newToken();
      t.is((await app.json('/v1/tokens', next(second), await app.issuer())).status, 201);
      await waysToEnd['POST /v1/revocations']?.(app, second, ops);

      const before = (await app.events()).length;
      const ended = await end(app, first, ops);
      t.regex(ended.text, /"(revoked|logged_out)"/);
      t.notRegex(ended.text, /safe_iat_after":\d/);
      t.is((await app.events()).length, before + 1);
      t.regex((await end(app, first, ops)).text, /"already_/);
      const retried = await app.json('/v1/tokens', next(app.newToken()), await app.issuer());
      t.is(retried.body.code, 'refresh_token_dead');
      t.false(await app.isActive(first));
      app.advance(31);
      const late = await app.json('/v1/tokens', next(app.newToken()), await app.issuer());
      t.is(late.body.code, 'refresh_token_reuse');
    },
    { REFRESH_TOKEN_GRACE_SECONDS: '30' },
  );
