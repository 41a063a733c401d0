// A standby of Postgres lags behind its primary: nothing is said from what it knows. This one only says that it is one.
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { testOn } from '../../helpers/each-database.ts';
import { byHand } from '../../helpers/tamper.ts';

/** For connections made from now on; the others end, as they do when a primary becomes a standby. */
const beStandby = [
  'create function public.pg_is_in_recovery() returns boolean language sql return true',
  `do $$ begin
    execute format('alter database %I set search_path = public, pg_catalog', current_database());
  end $$`,
  `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`,
];

testOn('postgres', 'nothing is said from a standby, and it keeps no connection', async (t, app) => {
  const token = await app.register({ client_id: 'c1' });
  t.true(await app.isActive(token));
  await byHand(app.database, async (run) => {
    for (const statement of beStandby) await run(statement);
  });
  for (const _ of Array(20)) {
    const { cause } = await t.throwsAsync(
      app.store.ask(() => 1),
      { instanceOf: StoreUnavailable },
    );
    t.is((cause as { code?: string }).code, 'IS_STANDBY');
  }
  const { status, body } = await app.get('/health/ready');
  t.is(status, 503);
  t.deepEqual(body.checks, { database: 'unreachable', migrations: 'unknown' });
  const connections = await byHand(app.database, (run) =>
    run('select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'),
  );
  t.true(connections.length < 5, `${connections.length} connections`);
  await byHand(app.database, (run) => run('drop function public.pg_is_in_recovery()'));
  t.true(await app.isActive(token));
});
