// After a restore Postgres has no statistics until it next looks, and expects little of any range: what is read page by
// page must then read no more than the page.
import test from 'ava';
import { systemOrigin } from '../../../src/domain/audit.ts';
import type { Store } from '../../../src/domain/store.ts';
import { recordWalk } from '../../../src/domain/trail/record-reading.ts';
import { openStore } from '../../../src/store/open.ts';
import { migratedDatabase } from '../../helpers/databases.ts';
import { eventually } from '../../helpers/eventually.ts';
import { byHand } from '../../helpers/tamper.ts';
import { appendLogouts } from '../../helpers/trail.ts';

const events = 100_000;
const pageSize = 1_000;

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

async function inStore(url: string, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = openStore(url);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
