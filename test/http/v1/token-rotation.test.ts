// POST /v1/tokens with `replaces`: rotation of refresh tokens, and what becomes of one that comes back
// (RFC 9700 §4.14.2). The interval of grace is in rotation-grace.test.ts.
import { systemOrigin } from '../../../src/domain/audit.ts';
import { switchClient } from '../../../src/domain/records/manage-clients.ts';
import type { TestApp } from '../../helpers/app.ts';
import { refOf, wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { reencodeSignature, TestIssuer } from '../../helpers/issuer.ts';
import { activity, logIn } from '../../helpers/logins.ts';
import { linesOf, type Reply } from '../../helpers/requests.ts';

function rotationConflict(parameter: string): Record<string, unknown> {
  const problem =
    parameter === 'replaces'
      ? 'is no refresh token that is registered for this iss'
      : 'is not that of the token to be replaced';
  return {
    type: '/problems/rotation_conflict',
    title: 'The token to be replaced does not match',
    status: 409,
    detail: `${parameter} ${problem}`,
    code: 'rotation_conflict',
    errors: [{ parameter, message: `${parameter} ${problem}` }],
  };
}

async function rotate(
  app: TestApp,
  replaces: string,
  members: Record<string, unknown> = {},
  on = app,
): Promise<Reply & { token: string }> {
  const token = String(members.token ?? app.newToken());
  const registration = {
    client_id: 'c1',
    token,
    token_use: 'refresh_token',
    aud: undefined,
    replaces,
    ...members,
  };
  return { ...(await on.json('/v1/tokens', app.registration(registration), await app.issuer())), token };
}

testEachDatabase(
  'POST /v1/tokens with replaces supersedes the old refresh token as it registers the new one',
  async (t, app) => {
    const { client_id } = await app.addClient({ clientId: 'c1' });
    const { refresh, access } = await logIn(
      app,
      { client_id, secret: '' },
      { session_id: 's1', grant_id: 'g1' },
    );
    const { status, body, token } = await rotate(app, refresh);
    t.is(status, 201);
    t.deepEqual([body.status, body.active, body.grant_id, body.session_id], ['registered', true, 'g1', 's1']);
    t.is((await app.introspect(token)).sub, 'u1');
    t.deepEqual(await activity(app, [refresh, access, token]), [false, true, true]);
    const [event] = await app.events('refresh_token_rotated');
    t.deepEqual(
      [event?.tokenRef, event?.reason, event?.userId, event?.sessionId],
      [refOf(refresh), 'superseded', 'u1', 's1'],
    );
    t.is((await app.events('login')).length, 1);
  },
);

testEachDatabase(
  'POST /v1/tokens takes replaces_digest too, and the whole chain stays one grant',
  async (t, app) => {
    const client = await app.addClient({ clientId: 'c1' });
    const first = await app.register({ client_id: 'c1', token_use: 'refresh_token' });
    const replaces_digest = wireDigestOf(first);
    const second = await rotate(app, '', { replaces: undefined, replaces_digest });
    const third = await rotate(app, second.token);
    t.is(second.status, 201);
    t.is(third.body.grant_id, second.body.grant_id);
    await app.form('/revoke', { token: first }, client);
    t.false(await app.isActive(third.token));
  },
);

testEachDatabase(
  'POST /v1/tokens answers a repeated rotation 200: it is a retry, no reuse',
  async (t, app) => {
    const refresh = await app.register({ client_id: 'c1', token_use: 'refresh_token' });
    const first = await rotate(app, refresh);
    const again = await rotate(app, refresh, { token: first.token });
    t.is(again.status, 200);
    t.true(await app.isActive(first.token));
    t.deepEqual(await app.events('refresh_token_reuse'), []);
  },
);

testEachDatabase(
  'POST /v1/tokens refuses a rotation that does not match, and registers nothing',
  async (t, app) => {
    const grant = { sub: 'u1', grant_id: 'g1', session_id: 's1' };
    const refresh = await app.register({ client_id: 'c1', token_use: 'refresh_token', ...grant });
    const access = await app.register({ client_id: 'c1', ...grant });
    const other = await app.addClient({ permissions: ['register'], issuers: ['https://other.example'] });
    const tries: [what: string, reply: Reply & { token: string }, named: string][] = [
      ['an unknown token', await rotate(app, 'unknown'), 'replaces'],
      ['an access token', await rotate(app, access), 'replaces'],
      ['of another client', await rotate(app, refresh, { client_id: 'c2' }), 'client_id'],
      ['of another user', await rotate(app, refresh, { sub: 'u2' }), 'sub'],
      ['of another grant', await rotate(app, refresh, { grant_id: 'g2' }), 'grant_id'],
      ['of another session', await rotate(app, refresh, { session_id: 's2' }), 'session_id'],
    ];
    const token = app.newToken();
    const foreign = {
      client_id: 'c1',
      token,
      token_use: 'refresh_token',
      replaces: refresh,
      iss: 'https://other.example',
    };
    const refused = await app.json('/v1/tokens', app.registration(foreign), other);
    tries.push(['of another issuer', { ...refused, token }, 'replaces']);
    for (const [what, reply, named] of tries) {
      t.is(reply.status, 409, what);
      t.deepEqual(reply.body, rotationConflict(named), what);
      t.false(await app.isActive(reply.token), what);
    }
    t.deepEqual(await activity(app, [refresh, access]), [true, true]);
  },
);

testEachDatabase(
  'POST /v1/tokens replaces no refresh token that is dead, and registers nothing',
  async (t, app) => {
    const client = await app.addClient({ clientId: 'c1' });
    const suspended = await app.addClient();
    const { seconds } = app;
    const of = (members: object = {}) =>
      app.register({ client_id: 'c1', token_use: 'refresh_token', ...members });
    const dead = {
      revoked: [await of(), {}],
      expired: [await of({ iat: seconds - 60, exp: seconds }), {}],
      'not valid yet': [await of({ nbf: seconds + 60 }), {}],
      suspended: [await of({ client_id: suspended.client_id }), { client_id: suspended.client_id }],
    } as const;
    await app.form('/revoke', { token: dead.revoked[0] }, client);
    await switchClient(app.store, systemOrigin, suspended.client_id, false);
    for (const [what, [token, members]] of Object.entries(dead)) {
      const reply = await rotate(app, token, members);
      t.deepEqual([reply.status, reply.body.code], [409, 'refresh_token_dead'], what);
      t.false(await app.isActive(reply.token), what);
    }
    t.deepEqual(await app.events('refresh_token_reuse'), []);
  },
);

testEachDatabase('POST /v1/tokens: a JWT that is dead as signed is not replaced', async (t, app) => {
  const client = await app.addClient({ permissions: ['revoke:any'] });
  const issuer = await TestIssuer.inline(app);
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const register = (members: Record<string, unknown>) => {
    const names = {
      client_id: client.client_id,
      sub: 'u1',
      iss: issuer.name,
      grant_id: 'g1',
      aud: undefined,
    };
    const said = app.registration({ ...names, token_use: 'refresh_token', ...members });
    return app.json('/v1/tokens', said, registrar);
  };
  const jti = async (name: string) => {
    const token = await issuer.sign({ token_use: 'refresh', jti: name });
    t.is((await register({ token })).status, 201);
    return token;
  };
  const [dead, living] = [await jti('j1'), await jti('j2')];
  const target = { kind: 'jti', jti: 'j1', issuer: issuer.name };
  t.is((await app.json('/v1/revocations', { target, reason: 'admin' }, client)).status, 201);
  t.deepEqual(await activity(app, [dead, living]), [false, true]);
  for (const replaces of [dead, reencodeSignature(dead)]) {
    const { status, body } = await register({ token: app.newToken(), replaces: app.secret(replaces) });
    t.deepEqual([status, body.code], [409, 'refresh_token_dead']);
  }
  t.is((await register({ token: app.newToken(), replaces: living })).status, 201);

  const contradicted = await issuer.sign({ token_use: 'refresh', jti: 'j3' });
  const digests = {
    token: undefined,
    token_digest: wireDigestOf(contradicted),
    signing_input_digest: wireDigestOf(contradicted.slice(0, contradicted.lastIndexOf('.'))),
  };
  t.is((await register({ ...digests, jti: 'another' })).status, 201);
  t.false(await app.isActive(contradicted));
  const { status, body } = await register({ token: app.newToken(), replaces: contradicted });
  t.deepEqual([status, body.code], [409, 'refresh_token_dead']);
});

testEachDatabase(
  'POST /v1/tokens: a superseded refresh token that comes back kills its grant',
  async (t, app) => {
    const grant = { client_id: 'c1', sub: 'u1', grant_id: 'g1' };
    const refresh = await app.register({ ...grant, token_use: 'refresh_token', aud: undefined });
    const access = await app.register(grant);
    const bystander = await app.register({ ...grant, grant_id: 'g2' });
    const { token: successor } = await rotate(app, refresh);
    t.false(await app.isActive(refresh));
    t.true(await app.isActive(successor), 'introspection of the superseded one killed nothing');
    for (const _ of ['once', 'and again']) {
      const reuse = await rotate(app, refresh);
      t.is(reuse.status, 409);
      t.deepEqual(reuse.body, {
        type: '/problems/refresh_token_reuse',
        title: 'The token to be replaced was replaced before; its grant is revoked',
        status: 409,
        detail: 'The token to be replaced was replaced before; its grant is revoked',
        code: 'refresh_token_reuse',
      });
      t.deepEqual(await activity(app, [successor, access, reuse.token, bystander]), [
        false,
        false,
        false,
        true,
      ]);
    }
    const events = await app.events('refresh_token_reuse');
    t.deepEqual(
      events.map(({ tokenRef, reason, userId, clientId }) => [tokenRef, reason, userId, clientId]),
      [1, 2].map(() => [refOf(refresh), 'reuse_detected', 'u1', 'c1']),
    );
    t.is((await rotate(app, successor)).body.code, 'refresh_token_dead', 'its successor is dead, not reused');
  },
);

testEachDatabase(
  'POST /v1/tokens: of 30 different simultaneous rotations at two servers one succeeds, and the grant dies',
  async (t, app) => {
    const other = await app.another();
    const refresh = await app.register({ client_id: 'c1', token_use: 'refresh_token' });
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, n) => rotate(app, refresh, {}, n % 2 ? app : other)),
    );
    t.is(replies.filter(({ status }) => status === 201).length, 1);
    t.is(replies.filter(({ body }) => body.code === 'refresh_token_reuse').length, 29);
    const tokens = replies.map(({ token }) => token);
    t.deepEqual(
      await activity(app, tokens),
      tokens.map(() => false),
    );
    t.is((await app.events('refresh_token_rotated')).length, 1);
  },
);

testEachDatabase(
  'POST /v1/tokens: of 30 identical simultaneous rotations one is new, and nothing dies',
  async (t, app) => {
    const refresh = await app.register({ client_id: 'c1', token_use: 'refresh_token' });
    const token = app.newToken();
    const replies = await Promise.all(Array.from({ length: 30 }, () => rotate(app, refresh, { token })));
    t.is(replies.filter(({ status }) => status === 201).length, 1);
    t.is(replies.filter(({ status }) => status === 200).length, 29);
    t.true(await app.isActive(token));
  },
);

testEachDatabase('POST /v1/tokens rotates within one array, item after item', async (t, app) => {
  const [first, second, third] = [app.newToken(), app.newToken(), app.newToken()];
  const of = (token: string, replaces?: string) =>
    app.registration({ client_id: 'c1', token_use: 'refresh_token', aud: undefined, token, replaces });
  const items = [of(first), of(second, first), of(third, second)];
  const { body } = await app.json('/v1/tokens', items, await app.issuer());
  t.deepEqual(
    body.items.map((item: { http_status: number }) => item.http_status),
    [201, 201, 201],
  );
  t.deepEqual(await activity(app, [first, second, third]), [false, false, true]);
});

for (const type of ['application/json', 'application/x-ndjson']) {
  testEachDatabase(
    `POST /v1/tokens rotates JWTs within one body of ${type}, however long each takes to verify`,
    async (t, app) => {
      const issuer = await TestIssuer.inline(app);
      const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
      const of = (token: string, replaced: object = {}) =>
        app.registration({
          client_id: 'c1',
          sub: 'u1',
          iss: issuer.name,
          token_use: 'refresh_token',
          token,
          ...replaced,
        });
      const sign = (n: number) => issuer.sign({ token_use: 'refresh', client_id: 'c1', n });
      const [first, second, third, fourth] = [await sign(1), await sign(2), await sign(3), app.newToken()];
      const [fifth, sixth] = [await sign(5), await sign(6)];
      // Verified before: it is waited for no more.
      t.true(await app.isActive(second));
      const items = [
        of(first),
        of(second, { replaces: first }),
        of(third, { replaces: second }),
        { client_id: 'c1', token: app.newToken() },
        of(fourth, { replaces_digest: wireDigestOf(third) }),
        of(fifth, { replaces: fourth }),
        of(sixth, { replaces_digest: wireDigestOf(fifth) }),
      ];
      const body =
        type === 'application/json'
          ? JSON.stringify(items)
          : items.map((item) => JSON.stringify(item)).join('\n');
      const reply = await app.request('POST', '/v1/tokens', { auth: registrar, type, body });
      const outcomes = type === 'application/json' ? reply.body.items : linesOf(reply.text);
      t.deepEqual(
        outcomes.map((item: { http_status: number; code?: string }) => item.code ?? item.http_status),
        [201, 201, 201, 'invalid_request', 201, 201, 201],
      );
      t.deepEqual(await activity(app, [first, second, third, fourth, fifth, sixth]), [
        ...[false, false, false, false, false],
        true,
      ]);
    },
  );
}

testEachDatabase(
  'POST /v1/tokens leaves the old refresh token alive when the rotation cannot be stored',
  async (t, app) => {
    const refresh = await app.register({ client_id: 'c1', token_use: 'refresh_token' });
    for (const fault of ['writes', 'events'] as const) {
      app.store.fault = fault;
      const reply = await rotate(app, refresh);
      t.deepEqual([reply.status, reply.body.code], [503, 'temporarily_unavailable']);
      app.store.fault = 'none';
      t.deepEqual(await activity(app, [refresh, reply.token]), [true, false]);
    }
    t.is((await rotate(app, refresh)).status, 201);
  },
);
