// Purging: what goes, what stays, that the trail accounts for it, and that no verdict changes.
import fc from 'fast-check';
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { countPurgeable, type PurgePolicy, purge } from '../../src/domain/purge.ts';
import type { Store } from '../../src/domain/store.ts';
import { verdict } from '../../src/domain/verdict.ts';
import { openStore } from '../../src/store/open.ts';
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase, testEachStore } from '../helpers/each-database.ts';
import { byHand } from '../helpers/tamper.ts';
import { appendLogouts, newKeys, seal, verify } from './trail.ts';

const hour = 3600;
const day = 24 * hour;

function policyOf(app: TestApp, auditRetentionDays: number | null = null): PurgePolicy {
  return { ...app.policy, auditRetentionDays };
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
      [{ rows: due }, { rows: nothing }],
    );
    t.is(await app.store.upkeep.recall('purge_succeeded_at'), app.clock.now);
    t.deepEqual(await app.introspect(token), { active: false });
  },
);

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

testEachStore(
  'purge takes whole sealed ranges of events past their time and leaves their seals',
  async (t, database) => {
    const clock = { now: Date.UTC(2026, 0, 1) };
    const store = openStore(database.url, { now: () => clock.now });
    t.teardown(() => store.close());
    const keys = await newKeys(t);
    const policy = {
      publicUrl: 'https://a.example',
      clockSkewMs: 0,
      lifetimeDaysMax: 400,
      auditRetentionDays: 30,
    };
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

testEachStore('of many purges at once one runs', async (t, database) => {
  const stores = Array.from({ length: 4 }, () => openStore(database.url));
  const policy = {
    publicUrl: 'https://a.example',
    clockSkewMs: 0,
    lifetimeDaysMax: 400,
    auditRetentionDays: null,
  };
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

/** A step of a history: what is registered or revoked, and how far the clock moves. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('register' as const),
      user: fc.nat(2),
      life: fc.constantFrom(1, 3, 30, 400),
      session: fc.nat(4),
      refresh: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('revoke' as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('logout' as const),
      which: fc.nat(20),
      scope: fc.constantFrom('current', 'others', 'all'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), days: fc.constantFrom(0.02, 1, 8, 100, 401) }),
  },
);

testEachDatabase('purging changes no verdict, whatever happened before', async (t, app) => {
  const client = await app.addClient({ logoutScope: 'all' });
  const { client_id } = client;
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 25 }), async (steps) => {
      round += 1;
      const tokens: string[] = [];
      const verdicts = () => Promise.all(tokens.map((token) => app.introspect(token)));
      for (const next of steps) {
        const token = 'which' in next ? tokens[next.which % Math.max(1, tokens.length)] : undefined;
        if (next.kind === 'register') {
          const names = {
            sub: `u${round}-${next.user}`,
            session_id: `s${round}-${next.user}-${next.session}`,
          };
          const token_use = next.refresh ? 'refresh_token' : 'access_token';
          tokens.push(
            await app.register({ client_id, ...names, token_use, exp: app.seconds + next.life * day }),
          );
        } else if (next.kind === 'wait') app.advance(next.days * day);
        else if (token !== undefined && next.kind === 'revoke') await app.form('/revoke', { token }, client);
        else if (token !== undefined && next.kind === 'logout')
          await app.json('/logout', { scope: next.scope }, `Bearer ${token}`);
      }
      const before = await verdicts();
      t.deepEqual(await verdicts(), before);
      // A process that remembers nothing must say the same.
      const fresh = openStore(app.database.url, { now: () => app.clock.now });
      try {
        for (const [n, token] of tokens.entries()) {
          const answer = await isActive(fresh, token);
          t.is(answer, before[n].active);
        }
      } finally {
        await fresh.close();
      }
    }),
    { numRuns: 12 },
  );
});

async function isActive(store: Store, presentedToken: string): Promise<boolean> {
  return store.ask((facts, now) => {
    const token = facts.token(digestOf(presentedToken));
    return token !== undefined && verdict(token, facts.standing(token), now).active;
  });
}
