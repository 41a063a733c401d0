// Erasing a person: no column holds the name any more, the chain still verifies, the dead stay dead.
import { execFileSync } from 'node:child_process';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { digestOf } from '../../../src/domain/claims.ts';
import { eraseSubject, pseudonymOf } from '../../../src/domain/trail/erase-subject.ts';
import { claimsOf } from '../../helpers/claims.ts';
import { dump, findSecrets } from '../../helpers/dump.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import { newKeys, seal, verify } from '../../helpers/trail.ts';

const day = 86_400;
const alice = 'alice-4711-example';

testEachDatabase('audit erase leaves nothing of a person who has no living token', async (t, app) => {
  const keys = await newKeys(t);
  const client = await app.addClient({ logoutScope: 'all' });
  const { client_id } = client;
  const ids = { client_id, sub: alice, session_id: `${alice}-phone`, exp: app.seconds + 30 * day };
  const token = await app.register({
    ...ids,
    token_use: 'refresh_token',
    ip: '203.0.113.99',
    user_agent: 'AlicePhone',
  });
  const other = await app.register({
    client_id,
    sub: 'bob',
    session_id: 'bob-phone',
    exp: app.seconds + day,
  });
  t.true(await app.isActive(token));
  await app.json('/logout', { scope: 'all', refresh_token: token, reason: 'bye from alice-4711' });
  // A server remembers tokens that come again, dead ones, too.
  for (let n = 0; n < 3; n++) t.truthy(await app.store.ask((facts) => facts.token(digestOf(token))));
  const auditor = await app.auditor();
  await app.get(`/v1/audit/events?user_id=${alice}`, auditor);
  await seal(app.store, keys);
  const before = await app.store.countEvents({ through: 1000 }, day * 1000, 100);

  const erased = await eraseSubject(app.store, systemOrigin, alice, keys.pseudonymKey());
  const left = { tokensLeft: 0, sessionsLeft: 0 };
  t.deepEqual(erased, { events: 3, sessions: 1, tokens: 1, revocations: 4, ...left });

  const rows = await dump(app.database);
  t.deepEqual(
    findSecrets(rows, [alice, '203.0.113.99', 'AlicePhone', 'bye from']),
    ['revocations.target_id'],
    'the name of the session, which the operator chose to make of the name of the user',
  );
  const pseudonym = pseudonymOf(alice, keys.pseudonymKey());
  t.deepEqual(findSecrets(rows, [pseudonym]).sort(), [
    'audit_events.metadata',
    'revocations.actor_id',
    'revocations.target_id',
  ]);

  t.like(await verify(app.store, keys), { finding: null, erased: 3 });
  const told = (await app.events('erase')).map(({ userId, metadata }) => ({ userId, metadata }));
  t.deepEqual(told, [
    { userId: null, metadata: { pseudonym, begins: true } },
    { userId: null, metadata: { pseudonym, tokens: 1, sessions: 1, revocations: 4 } },
  ]);
  t.like((await app.events('logout'))[0], { action: 'logout', userId: null, clientId: client_id, count: 1 });
  const after = await app.store.countEvents({ through: 1000 }, day * 1000, 100);
  t.deepEqual(
    after.filter(({ action }) => action !== 'erase'),
    before,
  );
  t.false(await app.isActive(token));
  t.true(await app.isActive(other));
  t.is((await app.form('/revoke', { token }, client)).body.reason, 'token_not_found');
  t.deepEqual(
    findSecrets(await dump(app.database), [alice]),
    ['revocations.target_id'],
    'a server that knew the token has forgotten whose it was',
  );
  const shown = await app.get('/v1/audit/events?action=login', auditor);
  t.deepEqual(shown.body.items[1].erased, ['user_id', 'session_id', 'ip', 'user_agent']);

  const again = { ...ids, token_use: 'refresh_token', token, session_id: undefined };
  const reply = await app.json('/v1/tokens', app.registration(again), await app.issuer());
  t.is(reply.status, 201);
  t.false(reply.body.active, 'registered again, the token is as dead as before');
});

testEachDatabase(
  'audit erase leaves living tokens, and superseded ones whose reuse must be noticed',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const ids = { client_id, sub: alice, token_use: 'refresh_token', grant_id: 'g1' };
    const first = await app.register(ids);
    const second = await app.register({ ...ids, replaces: first });
    const erased = await eraseSubject(app.store, systemOrigin, alice, 'key');
    t.like(erased, { tokens: 0, tokensLeft: 2 });
    t.true(await app.isActive(second));
    const reuse = { ...ids, token: app.newToken(), replaces: first };
    const reply = await app.json('/v1/tokens', app.registration(reuse), await app.issuer());
    t.is(reply.body.code, 'refresh_token_reuse');
    t.like(await eraseSubject(app.store, systemOrigin, alice, 'key'), { tokens: 2, tokensLeft: 0 });
  },
);

testEachDatabase('audit erase takes the sessions whose tokens are all dead', async (t, app) => {
  const keys = await newKeys(t);
  const client = await app.addClient();
  const ids = { client_id: client.client_id, sub: alice, token_use: 'refresh_token', ip: '203.0.113.99' };
  const dead = await app.register({ ...ids, session_id: 'phone' });
  await app.register({ ...ids, session_id: 'laptop' });
  await app.form('/revoke', { token: dead }, client);
  const erased = await eraseSubject(app.store, systemOrigin, alice, keys.pseudonymKey());
  t.like(erased, { tokens: 1, tokensLeft: 1, sessions: 1, sessionsLeft: 1 });
  const auditor = await app.auditor();
  const { body } = await app.get(`/v1/sessions?user_id=${alice}`, auditor);
  t.deepEqual(
    body.items.map((session: { session_id: string }) => session.session_id),
    ['laptop'],
  );
});

testEachDatabase(
  'audit erase leaves the session of a token that came after its user was logged out',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const ids = { client_id, sub: alice, session_id: 'phone' };
    const before = await app.register(ids);
    const operator = await app.addClient({ permissions: ['revoke:any', 'audit'] });
    const order = { target: { kind: 'subject', sub: alice }, reason: 'admin' };
    t.is((await app.json('/v1/revocations', order, operator)).status, 201);
    app.advance(5);
    const after = await app.register(ids);
    t.deepEqual([await app.isActive(before), await app.isActive(after)], [false, true]);
    const erased = await eraseSubject(app.store, systemOrigin, alice, 'key');
    t.like(erased, { tokens: 1, tokensLeft: 1, sessions: 0, sessionsLeft: 1 });
    const { body } = await app.get(`/v1/sessions?user_id=${alice}`, operator);
    t.deepEqual(body.items.length, 1);
  },
);

testEachDatabase(
  'audit erase leaves a JWT dead that is signed to live longer than it was registered for',
  async (t, app) => {
    const keys = await newKeys(t);
    const { client_id } = await app.addClient();
    const issuer = await TestIssuer.inline(app);
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const token = await issuer.sign({ client_id, sub: alice, exp: app.seconds + day });
    const members = {
      token,
      client_id,
      iss: issuer.name,
      sub: alice,
      session_id: 's1',
      exp: app.seconds + 60,
    };
    await app.json('/v1/tokens', app.registration(members), registrar);
    const target = { kind: 'session', issuer: issuer.name, session_id: 's1' };
    await app.json('/v1/revocations', { target, reason: 'admin' }, operator);
    app.advance(120);
    t.false(await app.isActive(token));
    t.like(await eraseSubject(app.store, systemOrigin, alice, keys.pseudonymKey()), { tokens: 1 });
    t.false(await app.isActive(token));
  },
);

testEachDatabase('a question that an erasure overtakes sees what stands in its place', async (t, app) => {
  const keys = await newKeys(t);
  const { client_id } = await app.addClient();
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const token = await app.register({ client_id, sub: alice, session_id: 's1', exp: app.seconds + day });
  const target = { kind: 'session', session_id: 's1' };
  await app.json('/v1/revocations', { target, reason: 'admin' }, operator);
  const digest = digestOf(token);
  // What the token would be by a signature that names no session.
  const signed = claimsOf({ digest, targetDigest: digest, sessionId: null, grantId: null });
  let hasErased = false;
  const coverage = await app.store.ask((facts) => {
    // Another process erases after the question has begun, and before it has looked the token up.
    if (!hasErased) {
      const env = { DATABASE_URL: app.database.url, SEAL_KEY_FILE: keys.path };
      const command = ['audit', 'erase', '--subject', alice, '--confirm', alice];
      execFileSync(process.execPath, ['dist/src/cli/main.js', ...command], { env });
      hasErased = true;
    }
    return facts.token(digest) ? null : facts.standing(signed).coveredBy.length;
  });
  t.is(coverage, 1);
});

testEachDatabase(
  'audit erase leaves a JWT that lives because its signature names a session',
  async (t, app) => {
    const client = await app.addClient({ logoutScope: 'all', permissions: ['revoke:any'] });
    const { client_id } = client;
    const issuer = await TestIssuer.inline(app, { default_client: client_id });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    app.advance(1);
    const own = await issuer.sign({ sub: alice, sid: 's1' });
    const token = await issuer.sign({ sub: alice, sid: 's1', n: 2 });
    const registration = app.registration({ token, client_id, sub: alice, iss: issuer.name });
    t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
    const out = await app.json('/logout', { scope: 'others' }, `Bearer ${own}`);
    t.is(out.body.data.scope, 'others');
    t.true(await app.isActive(token));

    const erase = () => eraseSubject(app.store, systemOrigin, alice, 'key');
    t.like(await erase(), { tokens: 0, tokensLeft: 1 });
    t.true(await app.isActive(token));
    t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
    t.like(await erase(), { tokens: 1, tokensLeft: 0 });
    t.false(await app.isActive(token));
  },
);
