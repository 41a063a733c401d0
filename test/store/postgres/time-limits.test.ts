// Time limits that a user or a database has for all sessions.
import test from 'ava';
import { dialectOf } from '../../../src/store/dialect.ts';
import { freshDatabase } from '../../helpers/databases.ts';
import { eventually } from '../../helpers/eventually.ts';
import { byHand } from '../../helpers/tamper.ts';

test('a session that has nothing to do for a while is not ended, nor is the lock that it holds', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  const name = new URL(database.url).pathname.slice(1);
  const limitMs = 500;
  await byHand(database, async (run) => {
    await run(`alter database ${name} set idle_session_timeout = ${limitMs}`);
    await run(`alter database ${name} set transaction_timeout = ${limitMs}`);
  });
  const { openReader, openWriter, withTaskLock } = dialectOf(database.url);
  const pools = [openReader(), openWriter()];
  t.teardown(() => Promise.all(pools.map((pool) => pool.destroy())));
  const sessions = `select count(*)::int as count from pg_stat_activity
    where datname = ? and state = 'idle' and clock_timestamp() - state_change > interval '${2 * limitMs} ms'`;
  await withTaskLock('purge', async () => {
    for (const pool of pools)
      t.is((await pool.raw('show transaction_timeout')).rows[0].transaction_timeout, '0');
    const another = await freshDatabase('postgres');
    t.teardown(another.drop);
    await byHand(another, (run) =>
      eventually(async () => (await run(sessions, name)).some(({ count }) => count === 3) || undefined),
    );
  });
});
