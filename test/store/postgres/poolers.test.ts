// Poolers in front of Postgres: one that keeps sessions is as good as Postgres itself, one that shares them is refused,
// for locks and settings would be where nobody looks for them.
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { migrateUp } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/open.ts';
import { testOn } from '../../helpers/each-database.ts';
import { Pooler } from '../../helpers/pooler.ts';
import { byHand } from '../../helpers/tamper.ts';

testOn(
  'postgres',
  'where a pooler shares sessions nothing is said, written, migrated or locked',
  async (t, app) => {
    const pooler = await Pooler.open(app.database.url, { shares: true });
    t.teardown(() => pooler.close());
    const store = openStore(pooler.url);
    t.teardown(() => store.close());
    for (const work of [() => store.ask(() => 1), () => store.write(() => ({ outcome: 1, effects: {} }))]) {
      const { cause } = await t.throwsAsync(work, { instanceOf: StoreUnavailable });
      t.is((cause as { code?: string }).code, 'SESSION_SHARED');
    }
    const refusal = { name: 'SessionShared', code: 'SESSION_SHARED' };
    await t.throwsAsync(migrateUp(pooler.url), refusal);
    const dialect = dialectOf(pooler.url);
    await t.throwsAsync(
      dialect.withTaskLock('seal', async () => t.fail()),
      refusal,
    );
    await t.throwsAsync(
      dialect.withMigrationLock(async () => t.fail()),
      refusal,
    );
    const locks = await byHand(app.database, (run) =>
      run(`select 1 from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())`),
    );
    t.deepEqual(locks, []);
  },
);

testOn('postgres', 'behind a pooler that keeps sessions all is as without it', async (t, app) => {
  const pooler = await Pooler.open(app.database.url, { shares: false });
  t.teardown(() => pooler.close());
  const store = openStore(pooler.url);
  t.teardown(() => store.close());
  t.is(await store.ask(() => 1), 1);
  t.deepEqual(await migrateUp(pooler.url), []);
  const dialect = dialectOf(pooler.url);
  t.is(await dialect.withTaskLock('seal', async () => 'done'), 'done');
  const whileLocked = () => dialectOf(app.database.url).withTaskLock('seal', async () => 'done');
  t.is(await dialect.withTaskLock('seal', whileLocked), undefined);
});
