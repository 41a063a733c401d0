// Batching changes no answer: decisions taken one by one, and all that wait taken together, come to the same.
import type { ExecutionContext } from 'ava';
import { eventOf, systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { introspectToken } from '../../src/domain/introspect/introspect-token.ts';
import { createClient, plainClient } from '../../src/domain/records/manage-clients.ts';
import { registerToken } from '../../src/domain/register/register-token.ts';
import { opaqueRegistration, type Registration } from '../../src/domain/register/registration.ts';
import { logOut } from '../../src/domain/revoke/log-out.ts';
import { revokeToken } from '../../src/domain/revoke/revoke-token.ts';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/store/open.ts';
import { migratedDatabase, type TestDatabase } from '../helpers/databases.ts';
import { dump } from '../helpers/dump.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';
import { presentOpaque } from '../helpers/present-opaque.ts';

const start = 1_800_000_000_000;
const batchSizes = [200, 1, 3];

function registration(name: string, fields: Partial<Registration> = {}): Registration {
  return opaqueRegistration(digestOf(name), {
    tokenUse: 'refresh_token',
    issuer: policy.publicUrl,
    clientId: 'app',
    subject: 'u1',
    grantId: `grant of ${name}`,
    sessionId: `session of ${name}`,
    iat: start / 1000,
    exp: start / 1000 + 3600,
    ...fields,
  });
}

async function addCallers(store: Store) {
  const fields = plainClient({ clientId: 'app', authMethod: 'none', logoutScope: 'all' });
  await createClient(store, systemOrigin, fields);
  const caller = await store.ask((facts) => facts.client('app'));
  if (!caller) throw new Error('a client that was made is not there');
  return caller;
}

type Operation = (store: Store) => Promise<unknown>;

/** Runs operations side by side, their writes handed to the store in one turn and in this order. */
function sideBySide(store: Store, operations: readonly Operation[]): Promise<unknown[]> {
  const writes: (() => void)[] = [];
  let held = 0;
  const storeOf = (n: number) => ({
    ask: store.ask.bind(store),
    write: (decide: Parameters<Store['write']>[0]) =>
      new Promise((resolve, reject) => {
        writes[n] = () => store.write(decide).then(resolve, reject);
        held += 1;
        if (held === operations.length) for (const write of writes) write();
      }),
  });
  return Promise.all(operations.map((operation, n) => operation(storeOf(n) as unknown as Store)));
}

async function play(store: Store): Promise<unknown[]> {
  const caller = await addCallers(store);
  const register =
    (name: string, fields: Partial<Registration> = {}): Operation =>
    (at) =>
      registerToken(at, policy, 'app', systemOrigin, registration(name, fields));
  const shared = { grantId: 'g', sessionId: 's' };
  const request = { reason: 'client_request', reasonText: null, origin: systemOrigin } as const;
  const registered = await sideBySide(store, [
    register('one'),
    register('one'),
    register('one', { subject: 'u2' }),
    register('two', shared),
    register('three', { ...shared, tokenUse: 'access_token' }),
    register('four', { ...shared, subject: 'u2' }),
    register('two, next', { ...shared, replacesDigest: digestOf('two') }),
    register('two, next', { ...shared, replacesDigest: digestOf('two') }),
    register('five', { grantId: 'g5' }),
    register('six', { grantId: 'g5', subject: 'u2' }),
    register('seven', { sessionId: 's7' }),
  ]);
  const revoke =
    (name: string): Operation =>
    (at) =>
      revokeToken(at, policy, { ...request, caller, presented: presentOpaque(name) });
  const logOutWith =
    (name: string, scope: 'current' | 'others' | 'all'): Operation =>
    (at) => {
      const proof = { refresh: presentOpaque(name), bearer: null, claimedUserId: null };
      return logOut(at, policy, { ...request, ...proof, scope, metadata: {} });
    };
  const ended = await sideBySide(store, [
    ...['one', 'one', 'two', 'two, next'].map(revoke),
    register('two, stolen', { ...shared, replacesDigest: digestOf('two') }),
    ...(['others', 'all', 'current'] as const).map((scope) => logOutWith('five', scope)),
  ]);
  const names = ['one', 'two', 'two, next', 'three', 'five', 'seven', 'nobody'];
  const seen = await Promise.all(names.map((name) => introspectToken(store, caller, presentOpaque(name))));
  return [registered, ended, seen];
}

/** What the tables hold, without ids and salts that are drawn at random. */
async function tables(database: TestDatabase): Promise<unknown> {
  const {
    knex_migrations: _,
    knex_migrations_lock: _lock,
    sqlite_sequence: _seq,
    audit_events: events,
    ...rows
  } = await dump(database);
  return { ...rows, audit_events: events?.map(({ leaf: _leaf, salts: _salts, ...event }) => event) };
}

testEachStore(
  'decisions come to the same in batches of one, of three, and all together',
  async (t, { kind }) => {
    const played: unknown[] = [];
    for (const batchMax of batchSizes) {
      const database = await migratedDatabase(kind);
      t.teardown(database.drop);
      const store = openStore(database.url, { now: () => start, batchMax });
      const outcomes = await play(store);
      await store.close();
      played.push({ outcomes, tables: await tables(database) });
    }
    t.deepEqual(played[1], played[0]);
    t.deepEqual(played[2], played[0]);
  },
);

testEachStore('a decision that the database refuses spoils no other of its batch', async (t, database) => {
  const store = openStore(database.url);
  const events = Array.from({ length: 20 }, (_, n) => eventOf(systemOrigin, 'login', { userId: `u${n}` }));
  // Written by statements of another kind, which fail as a consequence.
  const keepOutcome = {
    keyDigest: digestOf('key'),
    requestDigest: digestOf('order'),
    expiresAt: Date.now() + 60_000,
  };
  const settled = await Promise.allSettled(
    events.map((event, n) =>
      store.write(() => ({
        outcome: n,
        effects: {
          events: [n % 7 === 3 ? ({ ...event, action: null } as never) : event],
          ...(n === 1 && { keepOutcome }),
        },
      })),
    ),
  );
  assertSettled(t, settled, (n) => n % 7 === 3, 'StoreUnavailable');
  const written = (await store.listEvents({ through: 1000 }, 1000, 100)).reverse();
  t.deepEqual(
    written.map(({ userId }) => userId),
    events.filter((_, n) => n % 7 !== 3).map(({ userId }) => userId),
  );
  t.deepEqual(
    written.map(({ seq }) => seq),
    written.map((_, n) => n + 1),
    'dense',
  );
  await store.close();
});

testEachStore(
  'a decision that throws spoils no other of its batch, nor does a question',
  async (t, database) => {
    const store = openStore(database.url);
    const decisions = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        store.write(() => {
          if (n === 4) throw new RangeError('a bug');
          return { outcome: n, effects: {} };
        }),
      ),
    );
    assertSettled(t, decisions, (n) => n === 4, 'RangeError');
    const questions = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        store.ask((facts) => {
          facts.client(`c${n}`);
          if (n === 4) throw new RangeError('a bug');
          return n;
        }),
      ),
    );
    assertSettled(t, questions, (n) => n === 4, 'RangeError');
    await store.close();
  },
);

function assertSettled(
  t: ExecutionContext,
  settled: readonly PromiseSettledResult<number>[],
  fails: (n: number) => boolean,
  name: string,
): void {
  for (const [n, result] of settled.entries()) {
    t.is(result.status === 'rejected' ? result.reason.name : result.value, fails(n) ? name : n);
  }
}

testEachStore(
  'a question never misses what another store has committed before it was asked',
  async (t, database) => {
    const [one, other] = [openStore(database.url), openStore(database.url)];
    const caller = await addCallers(one);
    for (let n = 0; n < 60; n++) {
      const now = Math.floor(Date.now() / 1000) - 10;
      const times = { iat: now, exp: now + 3600 };
      await registerToken(one, policy, 'app', systemOrigin, registration(`t${n}`, times));
      const presented = presentOpaque(`t${n}`);
      t.true((await introspectToken(other, caller, presented)).active);
      const request = {
        caller,
        presented,
        reason: 'client_request',
        reasonText: null,
        origin: systemOrigin,
      } as const;
      await revokeToken(one, policy, request);
      t.false((await introspectToken(other, caller, presented)).active);
    }
    await Promise.all([one.close(), other.close()]);
  },
);
