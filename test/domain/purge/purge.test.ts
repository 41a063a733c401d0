// Purging: what goes, what stays, that the trail accounts for it, and that no verdict changes.
import { mkdirSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { digestOf } from '../../../src/domain/claims.ts';
import { countPurgeable, type PurgePolicy, purge } from '../../../src/domain/purge/purge.ts';
import { dueRows } from '../../../src/domain/purge/purge-rules.ts';
import { rotateClientSecret } from '../../../src/domain/records/manage-clients.ts';
import type { Store } from '../../../src/domain/store.ts';
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { openStore } from '../../../src/store/open.ts';
import { purgePolicyOf } from '../../../src/upkeep/schedule.ts';
import type { TestApp } from '../../helpers/app.ts';
import { fileOf, type TestDatabase } from '../../helpers/databases.ts';
import { testEachDatabase, testEachStore } from '../../helpers/each-database.ts';
import { byHand } from '../../helpers/tamper.ts';
import { appendLogouts, newKeys, seal, verify } from '../../helpers/trail.ts';

const hour = 3600;
const day = 24 * hour;

function policyOf(app: TestApp, auditRetentionDays: number | null = null): PurgePolicy {
  return { ...purgePolicyOf(app.config), auditRetentionDays };
}

function base64url(digest: string): string {
  return Buffer.from(digest, 'hex').toString('base64url');
}

async function run(store: Store, policy: PurgePolicy) {
  const counts = await purge(store, policy, systemOrigin);
  if (!counts) throw new Error('another purge is running');
  return counts;
}

testEachDatabase(
  'purge deletes what has had its time, an hour after it, and says how much',
  async (t, app) => {
    const client = await app.addClient();
    const { client_id } = client;
    const ids = { client_id, sub: 'u1', session_id: 's1', grant_id: 'g1' };
    const token = await app.register(ids);
    await app.register({ ...ids, session_id: 's2', grant_id: 'g2', exp: app.seconds + 40 * day });
    await app.form('/revoke', { token }, client);
    const policy = policyOf(app);
    const nothing = {
      tokens: 0,
      jwts: 0,
      sessions: 0,
      revocations: 0,
      cutoffs: 0,
      used_ids: 0,
      idempotency_keys: 0,
      client_secrets: 0,
      ended_sessions: 0,
      audit_events: 0,
    };

    app.advance(2 * hour - 1);
    t.deepEqual(await countPurgeable(app.store, policy), nothing, 'not within the hour');
    app.advance(2);
    const due = { ...nothing, tokens: 1, sessions: 1, revocations: 1 };
    t.deepEqual(await countPurgeable(app.store, policy), due);
    t.deepEqual((await app.events('purge')).length, 0, 'counting is no purge');
    t.deepEqual(await run(app.store, policy), due);
    t.deepEqual(await run(app.store, policy), nothing);
    const events = await app.events('purge');
    t.deepEqual(
      events.map(({ metadata }) => metadata),
      [{ begins: true, due }, { rows: due }, { rows: nothing }],
    );
    t.is(await app.store.upkeep.readNote('purge_succeeded_at'), app.clock.now);
    t.deepEqual(await app.introspect(token), { active: false });
  },
);

/** One row for each table that has a rule, and how long it stays after it was made. */
const rules: Readonly<Record<string, { readonly keptMs: number; make(app: TestApp): Promise<void> }>> = {
  tokens: {
    keptMs: 2 * hour * 1000,
    make: async (app) =>
      void (await app.register({ client_id: 'c1', iat: app.seconds, exp: app.seconds + hour })),
  },
  jwts: {
    keptMs: 4 * hour * 1000,
    make: async (app) => {
      const [header, payload] = [{ alg: 'ES256' }, { iat: app.seconds, exp: app.seconds + 3 * hour }].map(
        (part) => Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      const token = app.secret(`${header}.${payload}.c2lnbmF0dXJl`);
      await app.register({ token, client_id: 'c1', exp: app.seconds + hour });
    },
  },
  sessions: {
    keptMs: 2 * hour * 1000,
    make: async (app) =>
      void (await app.register({ client_id: 'c1', session_id: 's1', exp: app.seconds + hour })),
  },
  ended_sessions: {
    keptMs: 7 * day * 1000,
    make: async (app) => {
      await app.register({ client_id: 'c1', session_id: 's2', exp: app.seconds + 30 * day });
      await app.delete('/v1/sessions/s2', await app.addClient({ permissions: ['sessions'] }));
    },
  },
  revocations: { keptMs: (400 * day + hour) * 1000, make: endUser },
  cutoffs: { keptMs: (400 * day + hour) * 1000, make: endUser },
  used_ids: {
    keptMs: 2 * hour * 1000,
    make: async (app) => {
      const id = {
        digest: digestOf('an id'),
        kind: 'inbox',
        expiresAt: app.clock.now + hour * 1000,
      } as const;
      await app.store.write(() => ({ outcome: undefined, effects: { usedIds: [id] } }));
    },
  },
  idempotency_keys: {
    keptMs: day * 1000,
    make: async (app) => {
      const operator = await app.addClient({ permissions: ['revoke:any'] });
      const order = { target: { kind: 'subject', sub: 'u2' }, reason: 'admin' };
      await app.json('/v1/revocations', order, operator, { headers: { 'Idempotency-Key': 'k1' } });
    },
  },
  client_secrets: {
    keptMs: 30 * day * 1000,
    make: async (app) => {
      const { client_id } = await app.addClient();
      await rotateClientSecret(app.store, systemOrigin, client_id, 0);
    },
  },
};

async function endUser(app: TestApp): Promise<void> {
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  await app.json('/logout', { user_id: 'u1' }, operator);
}

testEachDatabase('each table has its time: nothing goes before it', async (t, app) => {
  t.deepEqual(
    Object.keys(await countPurgeable(app.store, policyOf(app))).sort(),
    [...Object.keys(rules), 'audit_events'].sort(),
  );
  // A whole second, since tokens are told of in seconds.
  app.clock.now = app.seconds * 1000;
  const began = app.clock.now;
  for (const { make } of Object.values(rules)) await make(app);
  const byTime = Object.entries(rules).sort(([, one], [, other]) => one.keptMs - other.keptMs);
  for (const [table, { keptMs }] of byTime) {
    app.clock.now = began + keptMs;
    t.is((await countPurgeable(app.store, policyOf(app)))[table], 0, `${table}, just before`);
    app.clock.now += 1;
    t.true(Number((await countPurgeable(app.store, policyOf(app)))[table]) > 0, `${table}, just after`);
  }
});

testEachDatabase('what a dry run counts, a run purges, in every table; what lives stays', async (t, app) => {
  const keys = await newKeys(t);
  const policy = policyOf(app, 8);
  const { client_id } = await app.addClient();
  for (const [table, { make }] of Object.entries(rules)) if (table !== 'ended_sessions') await make(app);
  app.advance(392 * day);
  await rules.ended_sessions?.make(app);
  const both = await app.register({ client_id, sub: 'u1', session_id: 's3', exp: app.seconds + day });
  await app.json('/logout', {}, `Bearer ${both}`);
  const live = await app.register({ client_id, sub: 'u1', session_id: 's4', exp: app.seconds + 30 * day });
  await seal(app.store, keys);
  app.advance(9 * day);

  const due = await countPurgeable(app.store, policy);
  for (const [table, rows] of Object.entries(due)) t.true(rows > 0, table);
  t.like(due, { sessions: 2, ended_sessions: 1 }, 'a session that ended and expired is counted once');
  t.deepEqual(await run(app.store, policy), due);
  t.deepEqual(new Set(Object.values(await countPurgeable(app.store, policy))), new Set([0]));
  t.true(await app.isActive(live));
  t.false(await app.isActive(both));
  const [begun, done] = (await app.events('purge')).map(({ metadata }) => metadata);
  t.like(begun, { begins: true, due });
  t.like(done, { rows: due, audit_events_through: begun?.audit_events_through });
  t.like(await verify(app.store, keys), { finding: null });
});

testEachDatabase('nothing is purged when that cannot be written down', async (t, app) => {
  await app.register({ client_id: 'c1', session_id: 's1' });
  app.advance(day);
  const due = await countPurgeable(app.store, policyOf(app));
  t.like(due, { tokens: 1, sessions: 1 });
  app.store.fault = 'events';
  await t.throwsAsync(run(app.store, policyOf(app)), { name: 'StoreUnavailable' });
  app.store.fault = 'none';
  t.deepEqual(await countPurgeable(app.store, policyOf(app)), due);
});

testEachDatabase(
  'purge deletes a session seven days after its logout, though its tokens live on',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const exp = app.seconds + 30 * day;
    const token = await app.register({ client_id, sub: 'u1', session_id: 's1', exp });
    await app.register({ client_id, sub: 'u1', session_id: 's2', exp });
    await app.json('/logout', {}, `Bearer ${token}`);
    app.advance(7 * day);
    t.is((await countPurgeable(app.store, policyOf(app))).ended_sessions, 0);
    app.advance(1);
    t.is((await countPurgeable(app.store, policyOf(app))).ended_sessions, 1);
    t.is((await run(app.store, policyOf(app))).ended_sessions, 1);
    t.deepEqual(await byHand(app.database, (sql) => sql('select session_id from sessions')), [
      { session_id: 's2' },
    ]);
    t.false(await app.isActive(token));
  },
);

testEachDatabase('a cutoff outlives a lifetime that was raised after it was written', async (t, app) => {
  const client = await app.addClient({ permissions: ['revoke:any'] });
  await app.json('/logout', { user_id: 'u1' }, client);
  app.advance(401 * day);
  const raised = { ...policyOf(app), lifetimeDaysMax: 800 };
  t.is((await countPurgeable(app.store, raised)).revocations, 0);
  t.is((await countPurgeable(app.store, policyOf(app))).revocations, 1);
});

testEachDatabase(
  'POST /v1/tokens refuses a token older than what was purged, when the lifetime was raised since',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any'] });
    const iat = app.seconds - 10;
    await app.json('/logout', { user_id: 'u1' }, client);
    app.advance(401 * day);
    t.is((await run(app.store, policyOf(app))).revocations, 1);

    const later = await app.another({ TOKEN_LIFETIME_DAYS_MAX: '800' });
    const members = { client_id: client.client_id, sub: 'u1', iat, exp: app.seconds + day };
    const body = later.registration({ ...members, token: later.newToken() });
    const reply = await later.json('/v1/tokens', body, await later.issuer());
    t.is(reply.status, 400);
    t.is(reply.body.detail, 'iat lies before what is still known of revocations; issue a new token');
    const young = later.registration({ ...members, iat: app.seconds - 300 * day, token: later.newToken() });
    t.is((await later.json('/v1/tokens', young, await later.issuer())).status, 201);
  },
);

testEachDatabase(
  'a session that was revoked stays so for a token that bears its name later',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const first = await app.register({ client_id, sub: 'u1', session_id: 's1', exp: app.seconds + day });
    await app.json('/logout', {}, `Bearer ${first}`);
    app.advance(399 * day);
    const late = await app.register({ client_id, sub: 'u1', session_id: 's1', exp: app.seconds + 30 * day });
    app.advance(2 * day);
    t.false(await app.isActive(late));
    t.is((await run(app.store, policyOf(app))).revocations, 1, 'that of the token');
    t.false(await app.isActive(late));
    app.advance(30 * day);
    t.is((await run(app.store, policyOf(app))).revocations, 1);
  },
);

testEachDatabase(
  'a session goes in the run that deletes the revocation by which it is found',
  async (t, app) => {
    const names = { client_id: 'c1', sub: 'u1', session_id: 's1' };
    await app.json('/logout', {}, `Bearer ${await app.register(names)}`);
    app.advance(400 * day);
    await app.register({ ...names, exp: app.seconds + hour });
    app.advance(1.5 * hour);
    const due = await countPurgeable(app.store, policyOf(app));
    t.like(due, { sessions: 0, ended_sessions: 1, revocations: 2 });
    t.deepEqual(await run(app.store, policyOf(app)), due);
  },
);

const waysToName: Readonly<Record<string, (token: string) => Record<string, string>>> = {
  string: (token) => ({ token }),
  'two digests': (token) => ({
    token_digest: base64url(digestOf(token)),
    signing_input_digest: base64url(digestOf(token.slice(0, -1))),
  }),
};
for (const [how, namedBy] of Object.entries(waysToName))
  testEachDatabase(
    `a token whose digest was revoked before it was registered by its ${how} stays dead`,
    async (t, app) => {
      const client = await app.addClient({ permissions: ['revoke:any'] });
      const token = app.newToken();
      const named = namedBy(token);
      const token_digest = named.signing_input_digest ?? base64url(digestOf(token));
      const target = { kind: 'token', token_digest };
      await app.json('/v1/revocations', { target, reason: 'admin' }, client);
      app.advance(200 * day);
      const late = { client_id: client.client_id, exp: app.seconds + 300 * day, ...named };
      const registered = await app.json('/v1/tokens', app.registration(late), await app.issuer());
      t.like(registered.body, { status: 'registered', active: false });
      app.advance(201 * day);
      t.is((await run(app.store, policyOf(app))).revocations, 0);
      t.false(await app.isActive(token));
      app.advance(100 * day);
      t.is((await run(app.store, policyOf(app))).revocations, 1);
    },
  );

testEachDatabase(
  'a token that is registered again while its revocation is being purged stays dead, as it was answered',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any'] });
    const token = await app.register({ client_id: client.client_id });
    await app.form('/revoke', { token }, client);
    app.advance(2 * hour + 1);
    t.is((await app.store.upkeep.purgeDue(dueRows('tokens', app.clock.now, 400), 200)).purged, 1);
    const again = app.registration({ client_id: client.client_id, token });
    t.like((await app.json('/v1/tokens', again, await app.issuer())).body, { active: false });
    t.is((await run(app.store, policyOf(app))).revocations, 0);
    t.false(await app.isActive(token));
  },
);

/** A store with a clock of its own, whose audit events are kept for thirty days. */
async function keptForAMonth(t: ExecutionContext, database: TestDatabase) {
  const clock = { now: Date.UTC(2026, 0, 1) };
  const store = openStore(database.url, { now: () => clock.now });
  t.teardown(() => store.close());
  const policy = { lifetimeDaysMax: 400, auditRetentionDays: 30, signers: [] };
  return { clock, store, policy, keys: await newKeys(t) };
}

testEachStore(
  'purge takes whole sealed ranges of events past their time and leaves their seals',
  async (t, database) => {
    const { clock, store, keys, policy } = await keptForAMonth(t, database);
    await appendLogouts(store, 300);
    await seal(store, keys);
    clock.now += 20 * day * 1000;
    await appendLogouts(store, 10);
    await seal(store, keys);
    await appendLogouts(store, 10);
    clock.now += 20 * day * 1000;
    t.is((await countPurgeable(store, policy)).audit_events, 300);
    t.is((await run(store, policy)).audit_events, 300);
    t.is((await run(store, policy)).audit_events, 0);
    await seal(store, keys);
    t.like(await verify(store, keys), { finding: null, purgedThrough: 300, seals: 3, unsealed: 0 });
    clock.now += 400 * day * 1000;
    t.is((await run(store, policy)).audit_events, 23, 'all that is sealed');
    t.like(await verify(store, keys), { finding: null, purgedThrough: 323 });
    await appendLogouts(store, 1);
    t.is((await seal(store, keys)).at(-1)?.first, 324);
  },
);

testEachStore(
  'a purge rests between two steps, not after the last and not once it is ended',
  async (t, database) => {
    const { clock, store, keys, policy } = await keptForAMonth(t, database);
    for (const events of [120, 60, 150, 300]) {
      await appendLogouts(store, events);
      await seal(store, keys);
    }
    clock.now += 40 * day * 1000;
    const [rests, ending]: [number[], AbortController] = [[], new AbortController()];
    const rest = async (stepMs: number) => {
      rests.push(stepMs);
      ending.abort();
    };
    const cut = await purge(store, policy, systemOrigin, { rest, signal: ending.signal });
    t.is(cut?.audit_events, 120 + 60, 'as many whole ranges as make a step');
    t.is(rests.length, 1);
    t.like(await verify(store, keys), { finding: null, purgedThrough: 180 });
    const whole = await purge(store, policy, systemOrigin, { rest });
    t.is(whole?.audit_events, 150 + 300);
    t.is(rests.length, 2);
    t.like(await verify(store, keys), { finding: null, purgedThrough: 630 });
    t.true(rests.every((stepMs) => stepMs > 0));
  },
);

testEachStore('of many purges at once one runs', async (t, database) => {
  const stores = Array.from({ length: 4 }, () => openStore(database.url));
  const policy = { lifetimeDaysMax: 400, auditRetentionDays: null, signers: [] };
  let [running, most] = [0, 0];
  const outcomes = await Promise.all(
    stores.map((store) =>
      store.upkeep.exclusively('purge', async () => {
        running += 1;
        most = Math.max(most, running);
        await store.findEventHead();
        await store.findEventHead();
        running -= 1;
        return policy;
      }),
    ),
  );
  t.is(most, 1);
  t.true(outcomes.some((outcome) => outcome === policy));
  for (const store of stores) await store.close();
});

testEachStore(
  'work under a lock fails as itself, a lock that cannot be taken as the store',
  async (t, database) => {
    const store = openStore(database.url);
    const failure = new TypeError('of the work');
    t.is(await t.throwsAsync(store.upkeep.exclusively('seal', () => Promise.reject(failure))), failure);
    t.is(await store.upkeep.exclusively('seal', async () => 'free again'), 'free again');
    await store.close();
    const isSqlite = database.kind === 'sqlite';
    if (isSqlite) mkdirSync(`${fileOf(database)}-purge`);
    const broken = openStore(isSqlite ? database.url : 'postgres://127.0.0.1:1/none');
    await t.throwsAsync(
      broken.upkeep.exclusively('purge', async () => t.fail()),
      { instanceOf: StoreUnavailable },
    );
    await broken.close();
  },
);
