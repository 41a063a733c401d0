// New or after a restore, Postgres has no statistics until it next looks. It then expects little of any table and any
// range: what is looked up must be found by its index all the same, and a page must read no more than it shows.
import test from 'ava';
import { systemOrigin } from '../../../src/domain/audit.ts';
import type { Store } from '../../../src/domain/store.ts';
import { recordWalk } from '../../../src/domain/trail/record-reading.ts';
import { openStore } from '../../../src/store/open.ts';
import { TestApp } from '../../helpers/app.ts';
import { migratedDatabase } from '../../helpers/databases.ts';
import { eventually } from '../../helpers/eventually.ts';
import { logIn } from '../../helpers/logins.ts';
import { byHand } from '../../helpers/tamper.ts';
import { appendLogouts } from '../../helpers/trail.ts';

const events = 100_000;
const pageSize = 1_000;
/** After five, Postgres keeps the plan of a statement. */
const rounds = 10;
const loginsPerRound = 20;

test('pages of the audit trail read no more of it than they show (postgres)', async (t) => {
  const database = await migratedDatabase('postgres');
  t.teardown(database.drop);
  await inStore(database.url, (store) => appendLogouts(store, 1));
  await byHand(database, async (run) => {
    await run('alter table audit_events set (autovacuum_enabled = off)');
    await run(`insert into audit_events
      select (jsonb_populate_record(event, jsonb_build_object('seq', n))).*
      from audit_events as event, generate_series(2, ${events}) as n where seq = 1`);
    await run(`update heads set event_seq = ${events}`);
  });
  const rowsRead = () =>
    byHand(database, async (run) => {
      const [sums] = await run(
        `select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_user_tables where relname = 'audit_events'`,
      );
      return sums?.read as number;
    });
  const readBy = async (work: (store: Store) => Promise<unknown>): Promise<number> => {
    const before = await rowsRead();
    // What a session has read is added up at its end.
    await inStore(database.url, work);
    return eventually(async () => (await rowsRead()) - before || undefined);
  };
  for (const after of [0, events / 2]) {
    const page = async (store: Store) => {
      const shown = await store.listEventsAfter({ through: events }, after, pageSize);
      t.deepEqual([shown.at(0)?.seq, shown.at(-1)?.seq], [after + 1, after + pageSize]);
    };
    t.is(await readBy(page), pageSize);
  }
  const search = async (store: Store) =>
    t.deepEqual(await store.listEventsAfter({ through: pageSize, action: 'login' }, 0, pageSize), []);
  t.is(await readBy(search), pageSize, 'it ends where it is told to');
  t.true((await readBy((store) => recordWalk(store, systemOrigin, {}, { walk: 'a walk' }))) < 100);
});

test('in a new database, what is looked up is found by its index (postgres)', async (t) => {
  const database = await migratedDatabase('postgres');
  t.teardown(database.drop);
  const app = await TestApp.start(database);
  const client = await app.addClient();
  for (let round = 0; round < rounds; round++) {
    const logins = await Promise.all(Array.from({ length: loginsPerRound }, () => logIn(app, client)));
    const outcomes = logins.map(async ({ refresh, access }) => {
      const { status } = await app.form('/revoke', { token: refresh }, client);
      return [status, await app.isActive(access)];
    });
    for (const outcome of await Promise.all(outcomes)) t.deepEqual(outcome, [200, false]);
  }
  await app.stop();
  const read = await byHand(database, async (run) => {
    // What a session has read is added up at its end.
    const others =
      'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
    await eventually(async () => (await run(others)).length === 0 || undefined);
    return run(`select relname, seq_tup_read::int as rows, idx_scan > ${rounds} as by_index from pg_stat_user_tables
      where relname in ('tokens', 'sessions', 'revocations') order by relname`);
  });
  // `stop` reads every table once, looking for tokens that were written down.
  const logins = rounds * loginsPerRound;
  t.deepEqual(read, [
    { relname: 'revocations', rows: 2 * logins, by_index: true },
    { relname: 'sessions', rows: logins, by_index: true },
    { relname: 'tokens', rows: 2 * logins, by_index: true },
  ]);
});

async function inStore(url: string, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = openStore(url);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
