// A standby of Postgres lags behind its primary: nothing is said from what it knows. This one only says that it is one.
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { testOn } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
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
  const refusal = async () => {
    const { cause } = await t.throwsAsync(
      app.store.ask(() => 1),
      { instanceOf: StoreUnavailable },
    );
    return (cause as { code?: string }).code;
  };
  // The first may still hear that its connection has ended.
  await eventually(async () => (await refusal()) === 'IS_STANDBY' || undefined);
  for (const _ of Array(20)) t.is(await refusal(), 'IS_STANDBY');
  const { status, body } = await app.get('/health/ready');
  t.is(status, 503);
  t.deepEqual(body.checks, { database: 'unreachable', migrations: 'unknown' });
  const connections = () =>
    byHand(app.database, (run) =>
      run('select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'),
    );
  await eventually(async () => (await connections()).length === 0 || undefined);
  await byHand(app.database, (run) => run('drop function public.pg_is_in_recovery()'));
  t.true(await app.isActive(token));
});
