// A Postgres of its own, as which standbys its commits wait for is a setting of the whole server: here for one that is not
// there, until somebody cancels the wait.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { registerCompletionHandler } from 'ava';
import { testOn } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { byHand } from '../../helpers/tamper.ts';

type Starter = typeof import('../../helpers/start-postgres.mjs');
// It is not compiled.
const starter = pathToFileURL(resolve('test/helpers/start-postgres.mjs')).href;
const { startPostgres }: Starter = await import(starter);
const { url, stop } = await startPostgres();
registerCompletionHandler(() => void stop());
process.env.TEST_DATABASE_URL = url;

testOn('postgres', 'nothing is said to be revoked that a synchronous standby may lack', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id });
  t.true(await app.isActive(token));
  const revoke = () => app.form('/revoke', { token }, client);
  const settle = (...statements: string[]) =>
    byHand(app.database, async (run) => {
      for (const statement of statements) await run(statement);
    });
  await settle(
    "alter system set synchronous_standby_names = 'away'",
    // Some let their programs hear of errors alone.
    "do $$ begin execute format('alter database %I set client_min_messages = error', current_database()); end $$",
    'select pg_reload_conf()',
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  );
  const revoked = revoke();
  await eventually(() =>
    byHand(app.database, async (run) => {
      const cancel = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
      return (await run(cancel)).length > 0 || undefined;
    }),
  );
  const { status, headers } = await revoked;
  t.is(status, 503);
  t.truthy(headers['retry-after']);
  const { cause } = app.log.find((line) => line.cause) ?? {};
  t.like(cause, { name: 'NotOnStandby', code: 'NOT_ON_STANDBY' });
  await settle('alter system reset synchronous_standby_names', 'select pg_reload_conf()');
  t.false(await app.isActive(token), 'here it is written');
  const { body } = await revoke();
  t.deepEqual(body, { status: 'already_inactive', reason: 'token_already_revoked' });
});
