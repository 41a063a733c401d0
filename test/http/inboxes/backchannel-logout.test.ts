// POST /backchannel-logout: logout tokens as identity providers send them, and their broken cousins.
import { testEachDatabase } from '../../helpers/each-database.ts';
import {
  inboxKinds,
  logoutEvents,
  logoutToken,
  sendLogoutToken,
  sessionRevoked,
  trustWithInbox,
} from '../../helpers/inboxes.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';

testEachDatabase(
  'POST /backchannel-logout with sid ends that session, of that client, and no newer login',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const of = { client_id: 'web', sid: 'sso-1', iat: app.seconds - 60 };
    const [mine, other] = [await issuer.sign(of), await issuer.sign({ ...of, sid: 'sso-2' })];
    const [foreign, offline] = [
      await issuer.sign({ ...of, client_id: 'tv' }),
      await issuer.sign({ ...of, scope: 'openid offline_access' }),
    ];
    const newer = await issuer.sign({ ...of, iat: app.seconds - 5 });
    const token = await logoutToken(issuer, { sub: 'u1', sid: 'sso-1', iat: app.seconds - 30 });
    const reply = await sendLogoutToken(app, token);
    t.is(reply.status, 200, reply.text);
    t.is(reply.headers['cache-control'], 'no-store');
    const alive = await Promise.all([mine, other, foreign, offline, newer].map((each) => app.isActive(each)));
    t.deepEqual(alive, [false, true, true, true, true]);
    const [event] = await app.events('bulk_revoke');
    t.like(event, {
      channel: 'inbox',
      reason: 'identity_provider',
      sessionId: 'sso-1',
      actor: { kind: 'system', id: issuer.name },
    });
    t.true(event?.metadata.keeps_offline);
    t.is((await sendLogoutToken(app, token)).status, 200);
    t.is((await app.events('bulk_revoke')).length, 1, 'the same message again does nothing');
  },
);

testEachDatabase(
  'a later message counts although its issuer gives the same jti again, as does one of another kind',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const login = (iat: number) => issuer.sign({ client_id: 'web', iat });
    const send = async (iat: number) =>
      sendLogoutToken(app, await logoutToken(issuer, { sub: 'u1', jti: 'j1', iat }));
    const first = await login(app.seconds - 60);
    t.is((await send(app.seconds - 50)).status, 200);
    const second = await login(app.seconds - 40);
    t.deepEqual([await app.isActive(first), await app.isActive(second)], [false, true]);
    t.is((await send(app.seconds - 30)).status, 200);
    t.false(await app.isActive(second));

    const offline = await issuer.sign({ client_id: 'web', scope: 'offline_access', iat: app.seconds - 60 });
    t.true(await app.isActive(offline));
    const claims = { aud: 'web', jti: 'j1', iat: app.seconds - 30 };
    const bearer = await issuer.sign(claims, { typ: 'global-token-revocation+jwt' });
    const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
    t.is((await app.json('/global-token-revocation', { sub_id }, `Bearer ${bearer}`)).status, 204);
    t.false(await app.isActive(offline));
  },
);

testEachDatabase(
  'POST /backchannel-logout without sid ends the user; keep_offline can be turned off',
  async (t, app) => {
    const issuer = await trustWithInbox(app, { keep_offline: false });
    const of = { client_id: 'web', iat: app.seconds - 60 };
    const [one, offline, other] = [
      await issuer.sign(of),
      await issuer.sign({ ...of, scope: 'offline_access' }),
      await issuer.sign({ ...of, sub: 'u2' }),
    ];
    t.is((await sendLogoutToken(app, await logoutToken(issuer, {}, { typ: 'JWT' }))).status, 200);
    t.deepEqual(await Promise.all([one, offline, other].map((each) => app.isActive(each))), [
      false,
      false,
      true,
    ]);
  },
);

testEachDatabase('POST /backchannel-logout takes a logout token as Auth0 writes it', async (t, app) => {
  const inbox = { kinds: inboxKinds, audience: 'web' };
  const issuer = await TestIssuer.inline(app, { issuer: 'https://tenant.auth0.example/', inbox }, 'RS256');
  const of = { client_id: 'web', sub: 'auth0|602c2e39', sid: 'iKbn_uK', iat: app.seconds - 60 };
  const [mine, other] = [await issuer.sign(of), await issuer.sign({ ...of, sid: 'another' })];
  const token = await logoutToken(issuer, {
    ...{ sub: of.sub, sid: of.sid, trace_id: '85ef', iat: app.seconds, exp: app.seconds + 120 },
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
  t.is((await sendLogoutToken(app, token)).status, 200);
  t.deepEqual([await app.isActive(mine), await app.isActive(other)], [false, true]);
});

testEachDatabase('POST /backchannel-logout refuses tokens that break the standard', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const victim = await issuer.sign({ client_id: 'web', sid: 's1' });
  const stranger = await newKey('ES256', 'k1');
  const base = { sub: 'u1', sid: 's1', aud: 'web', jti: 'x1', events: logoutEvents };
  const broken: Record<string, string> = {
    nonce: await logoutToken(issuer, { sid: 's1', nonce: 'n' }),
    'no events': await logoutToken(issuer, { sid: 's1', events: undefined }),
    'other events': await logoutToken(issuer, { sid: 's1', events: { [sessionRevoked]: {} } }),
    'neither sub nor sid': await logoutToken(issuer, { sub: undefined }),
    'old iat': await logoutToken(issuer, { sid: 's1', iat: app.seconds - 601 }),
    'iat ahead': await logoutToken(issuer, { sid: 's1', iat: app.seconds + 601 }),
    'other audience': await logoutToken(issuer, { sid: 's1', aud: 'tv' }),
    'no jti': await logoutToken(issuer, { sid: 's1', jti: undefined }),
    'no exp': await logoutToken(issuer, { sid: 's1', exp: undefined }),
    expired: await logoutToken(issuer, { sid: 's1', exp: app.seconds - 1 }),
    'an access token': await logoutToken(issuer, { sid: 's1' }, { typ: 'at+jwt' }),
    nested: await logoutToken(issuer, { sid: 's1' }, { typ: 'logout+jwt', cty: 'JWT' }),
    forged: await issuer.signAs(base, { typ: 'logout+jwt' }, stranger),
    'unknown issuer': await logoutToken(issuer, { sid: 's1', iss: 'https://else.example' }),
    'no JWT': 'nonsense',
  };
  for (const [name, token] of Object.entries(broken)) {
    const reply = await sendLogoutToken(app, token);
    t.is(reply.status, 400, name);
    t.is(reply.body.error, 'invalid_request', name);
  }
  t.true(await app.isActive(victim));
  t.true((await app.events('inbox_refused')).length > 5);
  t.is((await app.form('/backchannel-logout', {})).status, 400);
});
