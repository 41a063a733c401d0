// What each event ends: every event against every kind of token. docs/revocations.md shows this table.
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { TestIssuer } from '../helpers/issuer.ts';
import type { TestClient } from '../helpers/requests.ts';

/** A user with two devices, a phone and a laptop; their app `web`; another app on the phone; another user. */
const kinds = [
  'access token',
  'refresh token',
  'other access token of the grant',
  'same session, other app',
  'other device',
  'other user',
  'registered later, issued before',
  'logged in afterwards',
] as const;
type Kind = (typeof kinds)[number];

interface Scene {
  readonly app: TestApp;
  readonly web: TestClient;
  readonly ops: TestClient;
  readonly access: string;
  readonly refresh: string;
}

/** Per kind of token in the order above: x is dead, · is alive. */
const matrix: Record<string, readonly [(scene: Scene) => Promise<unknown>, string]> = {
  'POST /revoke of the access token': [
    ({ app, web, access }) => app.form('/revoke', { token: access }, web),
    'x·······',
  ],
  'POST /revoke of the refresh token': [
    ({ app, web, refresh }) => app.form('/revoke', { token: refresh }, web),
    'xxx···x·',
  ],
  'POST /logout': [({ app, refresh }) => app.form('/logout', { refresh_token: refresh }), 'xxxx··x·'],
  'POST /logout, scope others': [
    ({ app, refresh }) => app.form('/logout', { refresh_token: refresh, scope: 'others' }),
    '····x···',
  ],
  'POST /logout, scope all': [
    ({ app, refresh }) => app.form('/logout', { refresh_token: refresh, scope: 'all' }),
    'xxxxx·x·',
  ],
  'DELETE /v1/sessions/{id}': [({ app, ops }) => app.delete('/v1/sessions/phone', ops), 'xxxx··x·'],
  'target token': [revoke(({ access }) => ({ kind: 'token', token: access })), 'x·······'],
  'target jti': [revoke(() => ({ kind: 'jti', jti: 'j-access' })), 'x·······'],
  'target grant': [revoke(() => ({ kind: 'grant', grant_id: 'g-phone' })), 'xxx···x·'],
  'target session': [revoke(() => ({ kind: 'session', session_id: 'phone' })), 'xxxx··x·'],
  'target subject': [revoke(() => ({ kind: 'subject', sub: 'u1' })), 'xxxxx·x·'],
  'target subject, one client': [
    revoke(({ web }) => ({ kind: 'subject', sub: 'u1', client_id: web.client_id })),
    'xxx·x·x·',
  ],
  'target subject, refresh tokens only': [
    revoke(() => ({ kind: 'subject', sub: 'u1', token_use: 'refresh_token' })),
    '·x······',
  ],
  'target client': [revoke(({ web }) => ({ kind: 'client', client_id: web.client_id })), 'xxx·xxx·'],
  'target issuer': [revoke(() => ({ kind: 'issuer' })), 'xxxxxxx·'],
  'reuse of a superseded refresh token': [
    async ({ app, web, refresh }) => {
      const of = { client_id: web.client_id, sub: 'u1', session_id: 'phone', grant_id: 'g-phone' };
      const rotate = async () =>
        app.json(
          '/v1/tokens',
          app.registration({ ...of, token: app.newToken(), token_use: 'refresh_token', replaces: refresh }),
          await app.issuer(),
        );
      await rotate();
      await rotate();
    },
    'xxx···x·',
  ],
  'the client is suspended': [
    async ({ app, web }) =>
      app.json(`/v1/clients/${web.client_id}/disable`, {}, await app.addClient({ permissions: ['admin'] })),
    'xxx·xxxx',
  ],
};

function revoke(target: (scene: Scene) => Record<string, unknown>) {
  return (scene: Scene): Promise<unknown> => {
    const named = target(scene);
    const confirm = { client: named.client_id, issuer: scene.app.policy.publicUrl }[String(named.kind)];
    return scene.app.json('/v1/revocations', { target: named, reason: 'admin', confirm }, scene.ops);
  };
}

for (const [event, [act, expected]] of Object.entries(matrix)) {
  testEachDatabase(`matrix: ${event}`, async (t, app) => {
    const web = await app.addClient({ logoutScope: 'all' });
    const ops = await app.addClient({ permissions: ['revoke:any', 'sessions'] });
    const issued = { iat: app.seconds - 10 };
    const phone = {
      client_id: web.client_id,
      sub: 'u1',
      session_id: 'phone',
      grant_id: 'g-phone',
      ...issued,
    };
    const tokens = new Map<Kind, string>();
    const refresh = await app.register({ ...phone, token_use: 'refresh_token' });
    tokens.set('refresh token', refresh);
    const access = await app.register({ ...phone, jti: 'j-access' });
    tokens.set('access token', access);
    tokens.set('other access token of the grant', await app.register(phone));
    const tv = { client_id: 'tv', sub: 'u1', session_id: 'phone', grant_id: 'g-tv', ...issued };
    tokens.set('same session, other app', await app.register(tv));
    const laptop = { client_id: web.client_id, sub: 'u1', session_id: 'laptop', ...issued };
    tokens.set('other device', await app.register(laptop));
    tokens.set('other user', await app.register({ client_id: web.client_id, sub: 'u2', ...issued }));
    await act({ app, web, ops, access, refresh });
    tokens.set('registered later, issued before', await app.register(phone));
    app.advance(1);
    tokens.set('logged in afterwards', await app.register({ client_id: web.client_id, sub: 'u1' }));

    const alive = await Promise.all(kinds.map((kind) => app.isActive(tokens.get(kind) as string)));
    const table = (cells: string) => kinds.map((kind, n) => `${cells[n]} ${kind}`);
    t.deepEqual(table(alive.map((isAlive) => (isAlive ? '·' : 'x')).join('')), table(expected));
  });
}

testEachDatabase('a key, named by kid or thumbprint, takes exactly its own JWTs with it', async (t, app) => {
  const ops = await app.addClient({ permissions: ['revoke:any', 'audit'] });
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  const old = await issuer.sign({ sub: 'u1' });
  t.true(await app.isActive(old));
  await issuer.rotate('k2');
  app.advance(61);
  const young = await issuer.sign({ sub: 'u1' });
  t.true(await app.isActive(young));
  // Which key a kid names is written down beside the answer.
  await eventually(async () => (await app.events('issuer_key_seen')).length === 2 || undefined);
  const target = { kind: 'key', kid: 'k1', issuer: issuer.name };
  const order = { target, reason: 'key_compromise', confirm: 'k1' };
  const done = await app.json('/v1/revocations', order, ops);
  t.is(done.status, 201, done.text);
  t.true(done.body.final);
  t.false(await app.isActive(old));
  t.true(await app.isActive(young));
  const { thumbprint } = done.body.target;
  const again = { ...order, target: { kind: 'key', thumbprint, issuer: issuer.name }, confirm: thumbprint };
  t.is((await app.json('/v1/revocations', again, ops)).body.status, 'already_revoked');
  t.is((await app.json('/v1/tokens/explain', { token: old }, ops)).body.first_cause.reason, 'key_compromise');
});
