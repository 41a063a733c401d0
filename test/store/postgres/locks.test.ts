// Who waits for the lock of migrations waits as long as it takes.
import test from 'ava';
import { dialectOf } from '../../../src/store/dialect.ts';
import { freshDatabase } from '../../helpers/databases.ts';
import { eventually } from '../../helpers/eventually.ts';
import { byHand } from '../../helpers/tamper.ts';

test('timeouts of the database do not end the wait for another process that migrates', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  const another = await freshDatabase('postgres');
  t.teardown(another.drop);
  const name = new URL(database.url).pathname.slice(1);
  const timeoutMs = 1_000;
  await byHand(database, async (run) => {
    await run(`alter database ${name} set statement_timeout = ${timeoutMs}`);
    await run(`alter database ${name} set lock_timeout = ${timeoutMs}`);
  });
  const { withMigrationLock } = dialectOf(database.url);
  const hasWaited = `select 1 from pg_stat_activity where datname = ? and wait_event = 'advisory'
    and clock_timestamp() - query_start > interval '${2 * timeoutMs} ms'`;
  let second: Promise<string> | undefined;
  await withMigrationLock(async () => {
    second = withMigrationLock(async () => 'done');
    const failed = second.then(
      () => undefined,
      () => true,
    );
    await byHand(another, (run) =>
      eventually(async () => (await run(hasWaited, name))[0] ?? (await Promise.race([failed, undefined]))),
    );
  });
  t.is(await second, 'done');
});
