// What a token that is presented can still end: its login, and no later one; nothing where its key was stolen.
import { unitTokensMax } from '../../src/domain/store.ts';
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { logoutToken, sendLogoutToken, trustWithInbox } from '../helpers/inboxes.ts';
import { TestIssuer } from '../helpers/issuer.ts';
import { activity } from '../helpers/logins.ts';

const dead = { status: 'already_logged_out', reason: 'token_already_revoked' };

async function registrarOf(app: TestApp, issuer: TestIssuer) {
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  return async (members: Record<string, unknown>): Promise<string> => {
    const token = app.newToken();
    const said = app.registration({ token, iss: issuer.name, token_use: 'refresh_token', ...members });
    const { status, text } = await app.json('/v1/tokens', said, registrar);
    if (status !== 201) throw new Error(text);
    return token;
  };
}

testEachDatabase(
  'POST /logout and /revoke: a token signed with a revoked key ends nothing of its user',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    const { client_id } = await app.addClient({ authMethod: 'none', logoutScope: 'all' });
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const register = await registrarOf(app, issuer);
    const victim = await register({ client_id, sub: 'u1', session_id: 's1', grant_id: 'g1' });
    const target = { kind: 'key', kid: 'k1', issuer: issuer.name };
    // The kid is known once a token of it was seen.
    t.true(await app.isActive(await issuer.sign({ client_id })));
    const order = { target, reason: 'key_compromise', confirm: 'k1' };
    t.is((await app.json('/v1/revocations', order, operator)).status, 201);

    const names = { client_id, sub: 'u1', sid: 's1', grant_id: 'g1', token_use: 'refresh_token' };
    const forged = await issuer.sign(names);
    for (const scope of ['current', 'others', 'all'])
      t.deepEqual((await app.json('/logout', { refresh_token: forged, scope })).body.data, dead, scope);
    const revoked = await app.form('/revoke', { token: forged, client_id });
    t.deepEqual(revoked.body, { status: 'already_inactive', reason: 'token_already_revoked' });
    const bearer = `Bearer ${await issuer.sign({ client_id, sub: 'u1', sid: 's1' })}`;
    const other = await register({ client_id, sub: 'u1', session_id: 's2' });
    await app.json('/logout', { refresh_token: other }, bearer);
    t.false(await app.isActive(other));
    t.true(await app.isActive(victim), 'though a living token of the same user came with a forged one');
  },
);

testEachDatabase(
  'where ids come back across logins, an old logout sent again ends no later login',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, { reuses_ids: true });
    const client = await app.addClient();
    const { client_id } = client;
    const register = await registrarOf(app, issuer);
    const login = { client_id, sub: 'u1', session_id: 'sso', grant_id: 'sso-grant' };
    const endings: Record<string, (token: string) => Promise<{ body: { status?: string; data?: unknown } }>> =
      {
        '/logout': (token) => app.json('/logout', { refresh_token: token }),
        '/revoke': (token) => app.form('/revoke', { token }, client),
      };
    for (const [path, end] of Object.entries(endings)) {
      const first = await register(login);
      const { body } = await end(first);
      const { safe_iat_after: safe } = (body.data ?? body) as { safe_iat_after: number };
      t.is(safe, app.seconds + 1, `${path} says from when on a login survives`);
      app.advance(1);
      const second = await register(login);
      t.true(await app.isActive(second));
      const again = (await end(first)).body;
      t.is(JSON.stringify(again.data ?? again).includes('token_already_revoked'), true, path);
      t.true(await app.isActive(second), path);
      app.advance(1);
    }
    const sessions = await app.addClient({ permissions: ['sessions'], issuers: [issuer.name] });
    const ended = await app.delete('/v1/sessions/sso', sessions);
    t.deepEqual(ended.body, { status: 'ended', safe_iat_after: app.seconds + 1 });
  },
);

testEachDatabase(
  'where ids come back across logins, a refresh token of an ended login that is replayed ends no later login',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, { reuses_ids: true });
    const { client_id } = await app.addClient();
    const register = await registrarOf(app, issuer);
    const login = { client_id, sub: 'u1', grant_id: 'g1' };
    const first = await register(login);
    const second = await register({ ...login, replaces: first });
    await app.json('/logout', { refresh_token: second });
    app.advance(1);
    const later = await register(login);
    await t.throwsAsync(register({ ...login, replaces: first }), { message: /refresh_token_reuse/ });
    t.true(await app.isActive(later));
  },
);

testEachDatabase('POST /logout: a token without a user dies alone', async (t, app) => {
  const { client_id } = await app.addClient();
  const names = { client_id, grant_id: 'g1', session_id: 's1' };
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => app.register(names)));
  const one = await app.json('/logout', {}, `Bearer ${first}`);
  t.like(one.body.data, { status: 'logged_out', scope: 'current', user_id: null, sessions_ended: null });
  t.deepEqual(await Promise.all([first, second, third].map((token) => app.isActive(token as string))), [
    false,
    true,
    true,
  ]);
  const refresh = await app.register({ client_id, token_use: 'refresh_token' });
  await app.json('/logout', { refresh_token: refresh }, `Bearer ${second}`);
  t.false(await app.isActive(refresh));
  t.false(await app.isActive(second as string), 'both were presented, so both die');
  t.true(await app.isActive(third as string));
});

testEachDatabase(
  'POST /logout: a token of a suspended client, or of times to come, ends its own session only',
  async (t, app) => {
    const client = await app.addClient({ logoutScope: 'all' });
    const admin = await app.addClient({ permissions: ['admin'] });
    const of = (n: number) => ({ client_id: client.client_id, sub: 'u1', session_id: `s${n}` });
    const [first, second] = [await app.register(of(1)), await app.register(of(2))];
    const early = await app.register({ ...of(3), nbf: app.seconds + 60 });
    t.is((await app.json('/logout', { scope: 'all' }, `Bearer ${early}`)).body.data.scope, 'current');
    await app.json(`/v1/clients/${client.client_id}/disable`, {}, admin);
    t.is((await app.json('/logout', { scope: 'all' }, `Bearer ${first}`)).body.data.scope, 'current');
    await app.json(`/v1/clients/${client.client_id}/enable`, {}, admin);
    t.false(await app.isActive(first));
    t.true(await app.isActive(second));
  },
);

testEachDatabase(
  'POST /logout: a session of more tokens than are looked at counts as alive, and is ended',
  async (t, app) => {
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const client = await app.addClient();
    const of = { client_id: client.client_id, sub: 'u1', session_id: 's1' };
    const [alive, dead] = [await app.register(of), await app.register(of)];
    await app.form('/revoke', { token: dead }, client);
    const newer = Array.from({ length: unitTokensMax }, () =>
      app.registration({ ...of, client_id: 'tv', token: app.newToken() }),
    );
    t.is((await app.json('/v1/tokens', newer, await app.issuer())).status, 200);
    const target = { kind: 'client', client_id: 'tv' };
    const ended = await app.json('/v1/revocations', { target, reason: 'admin', confirm: 'tv' }, operator);
    t.is(ended.status, 201);

    const { body } = await app.json('/logout', {}, `Bearer ${dead}`);
    t.is(body.data.status, 'logged_out');
    t.false(await app.isActive(alive));
  },
);

testEachDatabase(
  'POST /logout: a token that a back-channel logout ended still ends the offline tokens which that one spared',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    await app.addClient({ clientId: 'web' });
    const register = await registrarOf(app, issuer);
    const of = { client_id: 'web', token_use: 'access_token', sub: 'u1', session_id: 's1' };
    const tokens = [await register(of), await register({ ...of, scope: 'offline_access' })];
    app.advance(1);
    await sendLogoutToken(app, await logoutToken(issuer, { sub: undefined, sid: 's1' }));
    t.deepEqual(await activity(app, tokens), [false, true]);
    const { body } = await app.json('/logout', {}, `Bearer ${tokens[0]}`);
    t.is(body.data.status, 'logged_out');
    t.deepEqual(await activity(app, tokens), [false, false]);
  },
);
