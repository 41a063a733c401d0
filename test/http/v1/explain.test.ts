// POST /v1/tokens/explain: why a token is dead or alive, for auditors.
import { systemOrigin } from '../../../src/domain/audit.ts';
import { switchClient } from '../../../src/domain/records/manage-clients.ts';
import type { TestApp } from '../../helpers/app.ts';
import { refOf, wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

const auditor = (app: TestApp) => app.addClient({ permissions: ['audit', 'revoke:any'] });

testEachDatabase(
  'POST /v1/tokens/explain names every cutoff that covers a token, and the first',
  async (t, app) => {
    const client = await auditor(app);
    const token = await app.register({ client_id: 'web', sub: 'u1', session_id: 's1', jti: 'j1' });
    const revoke = (target: object, requestId: string) =>
      app.json('/v1/revocations', { target, reason: 'policy' }, client, {
        headers: { 'X-Request-Id': requestId },
      });
    app.advance(10);
    await revoke({ kind: 'subject', sub: 'u1', issuer: '*' }, 'incident-1');
    await revoke({ kind: 'session', session_id: 's1' }, 'incident-2');
    await revoke({ kind: 'subject', sub: 'u1' }, 'incident-3');
    await revoke({ kind: 'subject', sub: 'u1' }, 'incident-4');
    await revoke({ kind: 'subject', sub: 'u2' }, 'incident-5');
    const { status, body } = await app.json('/v1/tokens/explain', { token }, client);
    t.is(status, 200);
    t.like(body, { active: false, cause: 'revoked', suspended: false });
    t.like(body.token, {
      token_ref: refOf(token),
      client_id: 'web',
      user_id: 'u1',
      jti: 'j1',
    });
    const ids = (kind: string) =>
      body.targets
        .find((each: { target: { kind: string } }) => each.target.kind === kind)
        .revocations.map((row: { request_id: string }) => row.request_id);
    t.deepEqual(
      body.targets.map((each: { target: { kind: string } }) => each.target.kind),
      ['token', 'jti', 'session', 'subject', 'client', 'issuer'],
    );
    t.deepEqual(ids('session'), ['incident-2']);
    t.deepEqual(ids('subject'), ['incident-1', 'incident-3', 'incident-4']);
    t.deepEqual(ids('client'), []);
    t.like(body.first_cause, {
      request_id: 'incident-1',
      reason: 'policy',
      actor: { kind: 'client', id: client.client_id },
      channel: 'api',
      target: { kind: 'subject', issuer: '*', sub: 'u1' },
    });
  },
);

testEachDatabase('POST /v1/tokens/explain tells each cause from the others', async (t, app) => {
  const client = await auditor(app);
  const explain = async (token: string, caller?: string) =>
    (await app.json('/v1/tokens/explain', { token, caller }, client)).body;
  const of = { client_id: 'web', sub: 'u1' };
  const live = await app.register(of);
  t.like(await explain(live), { active: true, cause: 'alive', first_cause: null });
  t.is((await explain(app.newToken())).cause, 'unknown');
  const stranger = await app.addClient({ permissions: ['introspect'], audiences: ['https://else.example'] });
  t.is((await explain(live, 'nobody')).detail, 'caller is no client of this server');
  t.like(await explain(live, stranger.client_id), { active: false, cause: 'not_for_this_caller' });
  const resource = await app.addClient({ permissions: ['introspect'], audiences: ['https://api.example'] });
  t.like(await explain(live, resource.client_id), { active: true, cause: 'alive' });
  const unheard = [
    await app.addClient({ permissions: ['register'], audiences: ['https://api.example'] }),
    await app.addClient({ clientId: 'disabled', permissions: ['introspect:any'] }),
  ];
  await switchClient(app.store, systemOrigin, 'disabled', false);
  for (const { client_id } of unheard)
    t.like(await explain(live, client_id), { active: false, cause: 'not_for_this_caller' });
  const early = await app.register({ ...of, nbf: app.seconds + 60 });
  t.is((await explain(early)).cause, 'not_yet_valid');
  const old = await app.register({ ...of, token_use: 'refresh_token' });
  await app.register({ ...of, token_use: 'refresh_token', replaces: old });
  const superseded = await explain(old);
  t.is(superseded.cause, 'superseded');
  t.like(superseded.first_cause, { reason: 'superseded', target: { kind: 'token' } });
  const app2 = await app.addClient({ clientId: 'tv' });
  const suspended = await app.register({ ...of, client_id: app2.client_id });
  const admin = await app.addClient({ permissions: ['admin'] });
  await app.json('/v1/clients/tv/disable', {}, admin);
  t.like(await explain(suspended), { cause: 'suspended', suspended: true });
  app.advance(3600);
  t.is((await explain(live)).cause, 'expired');
  const digest = wireDigestOf(live);
  t.is((await app.json('/v1/tokens/explain', { token_digest: digest }, client)).body.cause, 'expired');
});

testEachDatabase('POST /v1/tokens/explain is for those who may audit', async (t, app) => {
  const ordinary = await app.addClient({ permissions: ['introspect:any', 'revoke:any'] });
  t.is((await app.json('/v1/tokens/explain', { token: 'x' }, ordinary)).status, 403);
  const client = await auditor(app);
  t.is((await app.json('/v1/tokens/explain', {}, client)).body.errors[0].parameter, 'token');
  app.store.fault = 'reads';
  t.is((await app.json('/v1/tokens/explain', { token: 'x' }, client)).status, 503);
});

testEachDatabase(
  'POST /v1/tokens/explain finds the cause behind many rows that spare the token',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['audit', 'revoke:any'] });
    const token = await app.register({ client_id: 'mobile', sub: 'u1' });
    const spare = { target: { kind: 'subject', sub: 'u1', client_id: 'web' }, reason: 'policy' };
    for (let n = 0; n < 101; n++) await app.json('/v1/revocations', spare, client);
    await app.json(
      '/v1/revocations',
      { target: { kind: 'subject', sub: 'u1' }, reason: 'offboarding' },
      client,
    );
    const { body } = await app.json('/v1/tokens/explain', { token }, client);
    t.is(body.cause, 'revoked');
    t.like(body.first_cause, { reason: 'offboarding' });
  },
);
