// POST /v1/revocations: every target, who may end it, and repeated orders. Previews are in
// revocation-previews.test.ts, the log is in revocation-log.test.ts.
import { calculateJwkThumbprint } from 'jose';
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { unsignedJwt, wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';
import { purgeNow } from '../../helpers/purging.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

const operator = (app: TestApp): Promise<TestClient> =>
  app.addClient({ permissions: ['revoke:any', 'audit'] });

testEachDatabase(
  'POST /v1/revocations of a user ends what was issued until now, and nothing later',
  async (t, app) => {
    const ops = await operator(app);
    const old = await app.register({ client_id: 'app', sub: 'u1' });
    const other = await app.register({ client_id: 'app', sub: 'u2' });
    const order = {
      target: { kind: 'subject', sub: 'u1' },
      reason: 'offboarding',
      reason_text: 'left the firm',
    };
    const reply = await app.json('/v1/revocations', order, ops);
    t.is(reply.status, 201);
    t.deepEqual(reply.body, {
      status: 'revoked',
      seq: 1,
      revoked_at: new Date(app.clock.now).toISOString(),
      target: { kind: 'subject', issuer: publicUrl, sub: 'u1' },
      final: false,
      cutoff: new Date(app.clock.now).toISOString(),
      safe_iat_after: app.seconds + 1,
      reason: 'offboarding',
      reason_text: 'left the firm',
      notes: [
        'There is no undo: a revocation stays for as long as what it kills could live.',
        'It holds for the issuer in target alone: elsewhere the name is another.',
      ],
    });
    t.is(reply.headers['revocation-seq'], '1');
    t.is(reply.headers.location, '/v1/revocations/1');
    t.false(await app.isActive(old));
    t.true(await app.isActive(other));
    const late = await app.register({ client_id: 'app', sub: 'u1', iat: app.seconds - 5 });
    t.false(await app.isActive(late), 'a token that is registered late is covered all the same');
    app.advance(1);
    t.true(await app.isActive(await app.register({ client_id: 'app', sub: 'u1' })));
    const [event] = await app.events('bulk_revoke');
    t.like(event, {
      userId: 'u1',
      reason: 'offboarding',
      reasonText: 'left the firm',
      channel: 'api',
      actor: { kind: 'client', id: ops.client_id },
      metadata: { kind: 'subject', issuer: publicUrl, cutoff: reply.body.cutoff },
    });
  },
);

testEachDatabase('POST /v1/revocations ends exactly what each kind of target names', async (t, app) => {
  const ops = await operator(app);
  const iss = 'https://other.example';
  const registrar = await app.addClient({ permissions: ['register'], issuers: [publicUrl, iss] });
  const make = async (members: Record<string, unknown>) => {
    const token = app.newToken();
    const reply = await app.json(
      '/v1/tokens',
      app.registration({ client_id: 'app', token, ...members }),
      registrar,
    );
    t.is(reply.status, 201);
    return token;
  };
  const cases: {
    target: (dead: string) => object;
    dead: Record<string, unknown>;
    alive: Record<string, unknown>;
  }[] = [
    { target: (token) => ({ kind: 'token', token }), dead: { sub: 'a' }, alive: { sub: 'a' } },
    { target: (token) => ({ kind: 'token', token_digest: wireDigestOf(token) }), dead: {}, alive: {} },
    { target: () => ({ kind: 'jti', jti: 'j1' }), dead: { jti: 'j1' }, alive: { jti: 'j2' } },
    { target: () => ({ kind: 'jti', jti: 'j3' }), dead: { jti: 'j3' }, alive: { jti: 'j3', iss } },
    {
      target: () => ({ kind: 'jti', jti: 'j4', issuer: '*' }),
      dead: { jti: 'j4', iss },
      alive: { jti: 'j5', iss },
    },
    {
      target: () => ({ kind: 'grant', grant_id: 'g1' }),
      dead: { grant_id: 'g1' },
      alive: { grant_id: 'g2' },
    },
    {
      target: () => ({ kind: 'session', session_id: 's1' }),
      dead: { session_id: 's1' },
      alive: { session_id: 's2' },
    },
    { target: () => ({ kind: 'subject', sub: 42 }), dead: { sub: '42' }, alive: { sub: '43' } },
    {
      target: () => ({ kind: 'subject', sub: 'b', issuer: iss }),
      dead: { sub: 'b', iss },
      alive: { sub: 'b' },
    },
    {
      target: () => ({ kind: 'subject', sub: 'c', client_id: 'app' }),
      dead: { sub: 'c' },
      alive: { sub: 'c', client_id: 'tv' },
    },
    {
      target: () => ({ kind: 'subject', sub: 'd', token_use: 'refresh_token' }),
      dead: { sub: 'd', token_use: 'refresh_token' },
      alive: { sub: 'd' },
    },
    {
      target: () => ({ kind: 'client', client_id: 'web' }),
      dead: { client_id: 'web' },
      alive: { client_id: 'app' },
    },
    { target: () => ({ kind: 'issuer', issuer: iss }), dead: { iss }, alive: {} },
  ];
  for (const { target, dead, alive } of cases) {
    const [victim, bystander] = [await make(dead), await make(alive)];
    const named = target(victim) as { kind: string; client_id?: string; issuer?: string };
    const confirm = { client: named.client_id, issuer: named.issuer }[named.kind];
    const reply = await app.json('/v1/revocations', { target: named, reason: 'admin', confirm }, ops);
    t.is(reply.status, 201, reply.text);
    t.is(reply.body.final, !['subject', 'client', 'issuer'].includes(named.kind));
    const label = JSON.stringify({ ...named, token: undefined });
    t.false(await app.isActive(victim), label);
    t.true(await app.isActive(bystander), label);
  }
});

testEachDatabase('POST /v1/revocations of a final target says so once', async (t, app) => {
  const ops = await operator(app);
  const order = { target: { kind: 'session', session_id: 's1' }, reason: 'user asked on the phone' };
  const first = await app.json('/v1/revocations', order, ops);
  t.like(first.body, { status: 'revoked', final: true, cutoff: null, safe_iat_after: null });
  t.like(first.body, { reason: 'admin', reason_text: 'user asked on the phone' });
  app.advance(5);
  const again = await app.json('/v1/revocations', order, ops);
  t.is(again.status, 200);
  t.like(again.body, { status: 'already_revoked', seq: first.body.seq, revoked_at: first.body.revoked_at });
  t.deepEqual(
    (await app.events('bulk_revoke')).map(({ metadata }) => metadata.already_revoked ?? false),
    [false, true],
  );
});

testEachDatabase(
  'POST /v1/revocations does not say to strangers which kids an issuer has used',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    t.true(await app.isActive(await issuer.sign()));
    const stranger = await app.addClient({ permissions: ['revoke:key'], issuers: ['https://other.example'] });
    const answers = ['k1', 'never-used'].map(async (kid) => {
      const order = { target: { kind: 'key', kid, issuer: issuer.name }, reason: 'admin', dry_run: true };
      const { status, body } = await app.json('/v1/revocations', order, stranger);
      return [status, body.code];
    });
    const refused = [403, 'issuer_not_allowed'];
    t.deepEqual(await Promise.all(answers), [refused, refused]);
  },
);

testEachDatabase(
  'POST /v1/revocations keeps the secret of the caller out of its free text',
  async (t, app) => {
    const ops = await operator(app);
    const reason = `leaked: ${ops.secret}`;
    const target = { kind: 'subject', sub: 'u1' };
    const { body } = await app.json('/v1/revocations', { target, reason }, ops);
    t.is(body.reason_text, 'leaked: [removed]');
  },
);

testEachDatabase(
  'POST /v1/revocations takes a cutoff in the past, and none in the future',
  async (t, app) => {
    const ops = await operator(app);
    const old = await app.register({ client_id: 'app', sub: 'u1', iat: app.seconds - 60 });
    const young = await app.register({ client_id: 'app', sub: 'u1', iat: app.seconds - 10 });
    const at = (seconds: number) => new Date((app.seconds + seconds) * 1000).toISOString();
    const order = (cutoff: string, target: object = { kind: 'subject', sub: 'u1' }) =>
      app.json('/v1/revocations', { target, reason: 'password_reset', cutoff }, ops);
    t.like((await order(at(-30))).body, { status: 'revoked', safe_iat_after: app.seconds - 29 });
    t.false(await app.isActive(old));
    t.true(await app.isActive(young));
    t.is((await order(at(30))).status, 201, 'within the clock skew');
    const ahead = (ms: number) => new Date(app.clock.now + ms).toISOString();
    t.is((await order(ahead(60_000))).status, 201, 'at its end');
    t.is((await order(ahead(60_001))).status, 400, 'beyond it');
    const future = await order(at(3600));
    t.is(future.status, 400);
    t.deepEqual(future.body.errors, [{ parameter: 'cutoff', message: 'cutoff lies in the future' }]);
    const final = await order(at(-30), { kind: 'grant', grant_id: 'g1' });
    t.is(final.status, 400);
    t.is(final.body.errors[0].parameter, 'cutoff');
    for (const [refused, target, cutoff] of [
      [future, { kind: 'subject', sub: 'u1' }, at(3600)],
      [final, { kind: 'grant', grant_id: 'g1' }, at(-30)],
    ]) {
      const preview = { target, reason: 'password_reset', cutoff, dry_run: true };
      t.deepEqual((await app.json('/v1/revocations', preview, ops)).body, (refused as Reply).body);
    }
    const unconfirmed = await order(at(3600), { kind: 'client', client_id: 'app' });
    t.is(unconfirmed.status, 400, 'and nothing to confirm');
  },
);

testEachDatabase('POST /v1/revocations refuses what it cannot read, naming the parameter', async (t, app) => {
  const ops = await operator(app);
  const cases: [object, string][] = [
    [{ reason: 'admin' }, 'target'],
    [{ target: { kind: 'planet' }, reason: 'admin' }, 'target.kind'],
    [{ target: { kind: 'subject' }, reason: 'admin' }, 'target.sub'],
    [{ target: { kind: 'subject', sub: 'u1', user: 'x' }, reason: 'admin' }, 'target.user'],
    [{ target: { kind: 'token' }, reason: 'admin' }, 'target.token'],
    [{ target: { kind: 'token', token: 'pasted with its line end\n' }, reason: 'admin' }, 'target.token'],
    [{ target: { kind: 'token', token_digest: 'short' }, reason: 'admin' }, 'target.token_digest'],
    [{ target: { kind: 'key', kid: 'unknown' }, reason: 'admin' }, 'target'],
    [{ target: { kind: 'key', thumbprint: `${'A'.repeat(42)}B` }, reason: 'admin' }, 'target.thumbprint'],
    [{ target: { kind: 'subject', sub: 'u1' } }, 'reason'],
    [{ target: { kind: 'subject', sub: 'u1' }, reason: 'superseded' }, 'reason'],
    [{ target: { kind: 'subject', sub: 'u1' }, reason: 'admin', cutoff: 'yesterday' }, 'cutoff'],
    [
      { target: { kind: 'subject', sub: 'u1' }, reason: 'admin', cutoff: '0000-01-01T00:00:00+14:00' },
      'cutoff',
    ],
    [{ target: { kind: 'subject', sub: 'u\u0000' }, reason: 'admin' }, 'target.sub'],
  ];
  for (const [order, parameter] of cases) {
    const reply = await app.json('/v1/revocations', order, ops);
    t.is(reply.status, 400, reply.text);
    t.is(reply.body.code, 'invalid_request');
    t.is(reply.body.errors[0].parameter, parameter);
  }
  t.deepEqual((await app.get('/v1/revocations', ops)).body.items, []);
});

testEachDatabase('POST /v1/revocations needs the permission for the kind and the issuer', async (t, app) => {
  const narrow = await app.addClient({ permissions: ['revoke:subject'] });
  const none = await app.addClient({ permissions: ['register'] });
  const ask = (target: object, client: TestClient) =>
    app.json('/v1/revocations', { target, reason: 'admin' }, client);
  t.is((await ask({ kind: 'subject', sub: 'u1' }, narrow)).status, 201);
  const cases: [object, TestClient, string][] = [
    [{ kind: 'grant', grant_id: 'g1' }, narrow, 'insufficient_permission'],
    [{ kind: 'subject', sub: 'u1', issuer: '*' }, narrow, 'insufficient_permission'],
    [{ kind: 'subject', sub: 'u1', issuer: 'https://other.example' }, narrow, 'issuer_not_allowed'],
    [{ kind: 'subject', sub: 'u1' }, none, 'insufficient_permission'],
  ];
  for (const [target, client, code] of cases) {
    const reply = await ask(target, client);
    t.is(reply.status, 403);
    t.is(reply.body.code, code);
  }
  const elsewhere = await app.addClient({
    permissions: ['revoke:subject'],
    issuers: ['https://other.example'],
  });
  t.is(
    (await ask({ kind: 'subject', sub: 'u1' }, elsewhere)).body.detail,
    'the target does not belong to an issuer of this client; a name without issuer is one of PUBLIC_URL',
  );
  t.is((await app.json('/v1/revocations', {})).status, 401);
});

testEachDatabase("revoke:token reaches tokens of the client's own issuers only", async (t, app) => {
  const [own, other] = ['https://own.example', 'https://other.example'];
  const registrar = await app.addClient({ permissions: ['register'], issuers: [own, other] });
  const narrow = await app.addClient({ permissions: ['revoke:token'], issuers: [own] });
  const registered = async (iss: string, token?: string) => {
    const item = { token: token ?? app.newToken(), client_id: 'c1', token_use: 'access_token', iss };
    const [iat, exp] = [app.seconds, app.seconds + 600];
    t.is((await app.json('/v1/tokens', { ...item, iat, exp }, registrar)).status, 201);
    return item.token;
  };
  const ask = async (target: object, dry_run = false) =>
    (
      await app.json(
        '/v1/revocations',
        { target: { kind: 'token', ...target }, reason: 'admin', dry_run },
        narrow,
      )
    ).body;
  const foreign = await registered(other);
  const refused = await ask({ token: foreign });
  t.like(refused, { status: 403, code: 'issuer_not_allowed' });
  const { request_id: _, ...same } = refused;
  for (const target of [
    { token_digest: wireDigestOf(foreign) },
    { token: app.newToken() },
    { token_digest: wireDigestOf(app.newToken()) },
    { token: unsignedJwt(other) },
    { token: await registered(own, unsignedJwt(other)) },
    { token: await registered(other, unsignedJwt(own)) },
  ])
    t.like(await ask(target), same, JSON.stringify(Object.keys(target)));
  t.is((await ask({ token: foreign }, true)).status, 403, 'nor does it see what it may not do');
  t.true(await app.isActive(foreign));
  for (const target of [
    { token: await registered(own) },
    { token_digest: wireDigestOf(await registered(own)) },
    { token: unsignedJwt(own) },
    { token: await registered(own, unsignedJwt(own)) },
  ])
    t.is((await ask(target)).status, 'revoked');
});

testEachDatabase(
  'POST /v1/revocations of what is dead answers why it died, and logs the order',
  async (t, app) => {
    const ops = await app.addClient({ permissions: ['revoke:any', 'audit'] });
    const target = { kind: 'jti', jti: 'j1' };
    const first = { target, reason: 'credential_compromise', reason_text: 'found in a paste' };
    const made = (await app.json('/v1/revocations', first, ops)).body;
    const again = await app.json('/v1/revocations', { target, reason: 'policy', reason_text: 'later' }, ops);
    t.is(again.status, 200);
    t.deepEqual(again.body, { ...made, status: 'already_revoked' });
    const [, event] = await app.events('bulk_revoke');
    t.like(event, { reason: 'policy', reasonText: 'later' });
  },
);

testEachDatabase('POST /v1/revocations reads an Idempotency-Key as structured fields are', async (t, app) => {
  const ops = await app.addClient({ permissions: ['revoke:any'] });
  const send = (key: string, jti: string) => {
    const order = { target: { kind: 'jti', jti }, reason: 'admin' };
    return app.json('/v1/revocations', order, ops, { headers: { 'Idempotency-Key': key } });
  };
  t.is((await send(String.raw`"a\"b\\c"`, 'j1')).status, 201);
  t.is((await send(String.raw`"a\"b\\c"`, 'j2')).status, 422);
  for (const malformed of [String.raw`"a\b"`, '"a"b"', '"a', '""', '', String.raw`"a\"`])
    t.is((await send(malformed, 'j3')).body.errors[0].parameter, 'Idempotency-Key', malformed);
});

testEachDatabase(
  'a repeated order is answered as it was, though its kid names another key by now',
  async (t, app) => {
    const ops = await operator(app);
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    t.true(await app.isActive(await issuer.sign()));
    const target = { kind: 'key', issuer: issuer.name, kid: 'k1' };
    const order = { target, reason: 'key_compromise', confirm: 'k1' };
    const send = () => app.json('/v1/revocations', order, ops, { headers: { 'Idempotency-Key': 'once' } });
    const first = await send();
    t.is(first.status, 201);
    await issuer.rotate('k1');
    app.advance(400);
    const token = await issuer.sign();
    t.true(await app.isActive(token));
    const again = await send();
    t.deepEqual(again.body, first.body);
    t.true(await app.isActive(token), 'for it was not ended');
  },
);

testEachDatabase(
  'POST /v1/revocations of a kid with several keys numbers its target, and the last row for who follows the log',
  async (t, app) => {
    const ops = await operator(app);
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const keys = [issuer.key.jwk, (await newKey('ES256', 'k1')).jwk, (await newKey('ES256', 'k1')).jwk];
    await issuer.trust({ jwks: { keys } });
    const target = { kind: 'key', issuer: issuer.name, kid: 'k1' };
    const send = () => app.json('/v1/revocations', { target, reason: 'admin', confirm: 'k1' }, ops);
    for (const status of [201, 200]) {
      const reply = await send();
      t.is(reply.status, status);
      t.is(reply.body.also.length, 2);
      const { body: row } = await app.get(String(reply.headers.location), ops);
      t.deepEqual([row.seq, row.target], [reply.body.seq, reply.body.target]);
      t.is(reply.headers['revocation-seq'], '3', 'all of them');
    }
    const [event] = await app.events('bulk_revoke');
    const named = [event?.metadata.id, event?.metadata.also].flat();
    const thumbprints = await Promise.all(keys.map((key) => calculateJwkThumbprint(key)));
    t.deepEqual(named.toSorted(), thumbprints.toSorted(), 'the event names every key');
  },
);

testEachDatabase(
  'a repeated order gives no reason of its own for an earlier revocation that was purged since',
  async (t, app) => {
    const ops = await operator(app);
    const token = await app.register({ client_id: 'web', exp: app.seconds + 5 });
    const send = (reason: string) =>
      app.json('/v1/revocations', { target: { kind: 'token', token }, reason }, ops, {
        headers: { 'Idempotency-Key': reason },
      });
    await send('policy');
    t.like((await send('offboarding')).body, { status: 'already_revoked', seq: 1, reason: 'policy' });
    app.advance(2 * 3600);
    t.is((await purgeNow(app)).revocations, 1);
    t.like((await send('offboarding')).body, { status: 'already_revoked', seq: 1, reason: 'policy' });
  },
);

testEachDatabase('POST /v1/revocations is carried out once under one Idempotency-Key', async (t, app) => {
  const ops = await operator(app);
  const other = await operator(app);
  const send = (sub: string, key: string, client = ops) =>
    app.json('/v1/revocations', { target: { kind: 'subject', sub }, reason: 'admin' }, client, {
      headers: { 'Idempotency-Key': key },
    });
  const first = await send('u1', '"key-1"');
  t.is(first.status, 201);
  app.advance(60);
  const again = await Promise.all([send('u1', '"key-1"'), send('u1', 'key-1'), send('u1', '"key-1"')]);
  for (const reply of again) {
    t.is(reply.status, 201);
    t.is(reply.text, first.text, 'the first answer, word for word');
  }
  const reused = await send('u2', '"key-1"');
  t.is(reused.status, 422);
  t.is(reused.body.code, 'idempotency_key_reused');
  t.is((await send('u2', '"key-1"', other)).body.seq, 2, 'callers do not share keys');
  const both = await Promise.all([send('u3', 'new'), send('u3', 'new')]);
  t.is(both[0].text, both[1].text);
  t.is((await app.get('/v1/revocations', ops)).body.items.length, 3);
  app.advance(86_400);
  t.is((await send('u1', '"key-1"')).body.seq, 4, 'a day later the key is forgotten');
  t.is((await send('u1', 'a "quoted" one')).status, 400);
  const ahead = () => {
    const order = { target: { kind: 'subject', sub: 'u4' }, reason: 'admin', cutoff };
    return app.json('/v1/revocations', order, ops, { headers: { 'Idempotency-Key': 'ahead' } });
  };
  const cutoff = new Date(app.clock.now + 62_000).toISOString();
  t.is((await ahead()).status, 400);
  app.advance(5);
  t.is((await ahead()).status, 201, 'what was refused is no outcome');
});

testEachDatabase(
  'a revocation whose audit event or row is refused is not done, and answers 503',
  async (t, app) => {
    const ops = await operator(app);
    const token = await app.register({ client_id: 'app', sub: 'u1' });
    const order = { target: { kind: 'subject', sub: 'u1' }, reason: 'admin' };
    for (const fault of ['events', 'writes', 'everything'] as const) {
      app.store.fault = fault;
      const reply = await app.json('/v1/revocations', order, ops, { headers: { 'Idempotency-Key': 'k' } });
      t.is(reply.status, 503);
      t.is(reply.headers['retry-after'], '1');
      app.store.fault = 'none';
      t.true(await app.isActive(token));
    }
    t.is(
      (await app.json('/v1/revocations', order, ops, { headers: { 'Idempotency-Key': 'k' } })).status,
      201,
    );
  },
);
