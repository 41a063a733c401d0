// Decisions of all processes are taken one after another: those that were taken while another process wrote are taken
// again.
import { copyFileSync, renameSync } from 'node:fs';
import test from 'ava';
import Database from 'better-sqlite3';
import { sqlitePathOf } from '../../src/config/database-url.ts';
import { eventOf, systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { cutoffForName, finalForName, forever } from '../../src/domain/cutoffs.ts';
import type { Decision, Facts, Store } from '../../src/domain/store.ts';
import { StoreUnavailable } from '../../src/domain/store-errors.ts';
import { sessionTarget } from '../../src/domain/targets.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { openStore } from '../../src/store/open.ts';
import { glanceAtHeads, holdDecisions, moveHeads, readHeads } from '../../src/store/tables/heads.ts';
import { migratedDatabase } from '../helpers/databases.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';

const cause = { reason: 'client_request', reasonText: null, origin: systemOrigin } as const;

test('what was decided while another process wrote is decided again', async (t) => {
  const database = await migratedDatabase('sqlite');
  const store = openStore(database.url);
  const other = new Database(sqlitePathOf(database.url));
  const heads: number[] = [];
  const head = () => other.prepare('select event_seq from heads').pluck().get() as number;

  await store.write((): Decision<void> => {
    heads.push(head());
    // Another process, which gives out the number that this decision was about to take.
    if (heads.length === 1) other.exec('update heads set event_seq = event_seq + 1');
    return { outcome: undefined, effects: { events: [eventOf(systemOrigin, 'login')] } };
  });

  t.deepEqual(heads, [0, 1]);
  t.is(head(), 2);
  t.deepEqual(other.prepare('select seq from audit_events').pluck().all(), [2]);
  other.close();
  await store.close();
  await database.drop();
});

testEachStore('of what two processes may do once, one does it', async (t, database) => {
  const stores = [openStore(database.url), openStore(database.url)];
  const ids = Array.from({ length: 300 }, (_, n) => digestOf(`id ${n}`));
  const useUp =
    (digest: string) =>
    (facts: Facts): Decision<boolean> => {
      if (facts.isUsed(digest)) return { outcome: false, effects: {} };
      const used = { digest, kind: 'assertion', expiresAt: 2_000_000_000_000 } as const;
      return { outcome: true, effects: { usedIds: [used] } };
    };
  const useAll = async (store: Store) => {
    const outcomes: boolean[] = [];
    for (const id of ids) outcomes.push(await store.write(useUp(id)));
    return outcomes;
  };

  const [one = [], other = []] = await Promise.all(stores.map(useAll));

  t.true(ids.every((_, n) => one[n] !== other[n]));
  await Promise.all(stores.map((store) => store.close()));
});

test('nothing is decided upon one file and written to another', async (t) => {
  const [database, backup] = [await migratedDatabase('sqlite'), await migratedDatabase('sqlite')];
  const path = sqlitePathOf(database.url) as string;
  const store = openStore(database.url);
  await store.ask(() => undefined);

  // Nothing was written yet, so the writer would open what is there by now.
  copyFileSync(sqlitePathOf(backup.url) as string, `${path}.restored`);
  renameSync(`${path}.restored`, path);
  const login = { outcome: undefined, effects: { events: [eventOf(systemOrigin, 'login')] } };
  await t.throwsAsync(
    store.write(() => login),
    { instanceOf: StoreUnavailable, message: /was deleted or replaced/ },
  );

  await store.close();
  const restored = new Database(path);
  t.is(restored.prepare('select event_seq from heads').pluck().get(), 0);
  restored.close();
  await Promise.all([database.drop(), backup.drop()]);
});

testEachStore(
  'what was decided before a purge or an erasure, and is not written yet, is decided again',
  async (t, database) => {
    const dialect = dialectOf(database.url);
    const [reader, writer] = [dialect.openReader(), dialect.openWriter()];
    const clock = { now: Date.now, clockSql: null };
    const before = await glanceAtHeads(reader, clock);
    const held = await writer.transaction((tx) => holdDecisions(tx));
    const after = await glanceAtHeads(reader, clock);

    t.is(held, before.stamped_at);
    t.not(after.announced_seq, before.announced_seq);
    const steps = { revocations: 0, events: 1, records: 0, tokens: 0 };
    const late = dialect.inTransaction(writer, (tx) => moveHeads(tx, before, steps));
    if (dialect.readsBesideWriter) await t.throwsAsync(late, { code: 'ROW_HAS_CHANGED' });
    await dialect.inTransaction(writer, (tx) => moveHeads(tx, after, steps));
    t.is((await glanceAtHeads(reader, clock)).event_seq, before.event_seq + 1);
    await reader.destroy();
    await writer.destroy();
  },
);

testEachStore('what two processes end at the same time, neither fails at', async (t, database) => {
  const [one, other] = [openStore(database.url), openStore(database.url)] as const;
  const end =
    (id: string) =>
    (_facts: Facts, now: number): Decision<string> => {
      const target = { kind: 'subject', issuer: 'https://id.example', id } as const;
      const revocations = [cutoffForName(target, cause, now, policy)];
      return { outcome: id, effects: { revocations, events: [eventOf(systemOrigin, 'bulk_revoke')] } };
    };
  for (let n = 0; n < 40; n++) {
    // They wait for a writer that is busy, while what is remembered goes on.
    const busy = Array.from({ length: 8 }, () => one.touchSessions('https://id.example', ['none'], 1));
    let isOver = false;
    const asking = (async () => {
      while (!isOver) await one.ask(() => undefined);
    })();
    const ended = await Promise.all([one.write(end(`user-${n}`)), other.write(end(`user-${n}`))]);
    isOver = true;
    await Promise.all([asking, ...busy]);
    t.deepEqual(ended, [`user-${n}`, `user-${n}`]);
  }
  t.is(await one.findEventHead(), 80);
  await Promise.all([one.close(), other.close()]);
});

testEachStore(
  'a purge of ended sessions is announced, or a decision could write one again',
  async (t, database) => {
    const store = openStore(database.url);
    const reader = dialectOf(database.url).openReader();
    const [issuer, sessionId] = ['https://id.example', 'session-1'];
    await store.write((_facts, now) => {
      const times = { createdAt: now, lastActiveAt: now, expiresAt: now + 3_600_000 };
      const session = {
        sessionId,
        issuer,
        subject: 'user-1',
        clientId: 'c1',
        userAgent: null,
        ip: null,
        ...times,
      };
      const revocations = [finalForName(sessionTarget({ issuer, sessionId }), cause, now, policy)];
      return { outcome: undefined, effects: { sessions: [session], revocations } };
    });
    const { announced_seq: before } = await readHeads(reader);
    const ended = { before: forever, unexpiredSince: 0 };
    t.deepEqual(await store.upkeep.purgeEndedSessions(ended, 10), { purged: 1, isDone: true });
    t.is((await readHeads(reader)).announced_seq, before + 1);
    t.is(await store.ask((facts) => facts.session(sessionId)), undefined);
    t.deepEqual(await store.upkeep.purgeEndedSessions(ended, 10), { purged: 0, isDone: true });
    t.is((await readHeads(reader)).announced_seq, before + 1, 'nothing, nothing to announce');
    await Promise.all([store.close(), reader.destroy()]);
  },
);
