// A Postgres of its own, as which standbys its commits wait for is a setting of the whole server: here for one that is not
// there, until somebody cancels the wait.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { testOn } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import type { Reply } from '../../helpers/requests.ts';
import { byHand } from '../../helpers/tamper.ts';

type Starter = typeof import('../../helpers/start-postgres.mjs');
// It is not compiled.
const starter = pathToFileURL(resolve('test/helpers/start-postgres.mjs')).href;
const { startPostgres }: Starter = await import(starter);
// It stops with this process: stopped here, it would end the connection that drops the template of databases.
const { url } = await startPostgres();
process.env.TEST_DATABASE_URL = url;

testOn('postgres', 'nothing is said to be revoked that a synchronous standby may lack', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id });
  const settle = (...statements: string[]) =>
    byHand(app.database, async (run) => {
      for (const statement of statements) await run(statement);
    });
  // Some let their programs hear of errors alone. This holds for connections that begin later: those of another server.
  await settle(
    "do $$ begin execute format('alter database %I set client_min_messages = error', current_database()); end $$",
  );
  const server = await app.another();
  t.true(await server.isActive(token));
  await settle("alter system set synchronous_standby_names = 'away'", 'select pg_reload_conf()');
  // Of a connection that begins after the reload: when it has ended, the setting is in force.
  await settle('checkpoint');
  const revoke = () => server.form('/revoke', { token }, client);
  let refused: Reply | undefined;
  void revoke().then((reply) => {
    refused = reply;
  });
  const { status, headers } = await eventually(async () => {
    await settle("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    return refused;
  });
  t.is(status, 503);
  t.truthy(headers['retry-after']);
  const causes = server.log.map(({ cause }) => cause);
  t.true(causes.some((cause) => (cause as { code?: unknown } | undefined)?.code === 'NOT_ON_STANDBY'));
  await settle('alter system reset synchronous_standby_names', 'select pg_reload_conf()');
  t.false(await server.isActive(token), 'here it is written');
  const { body } = await revoke();
  t.deepEqual(body, { status: 'already_inactive', reason: 'token_already_revoked' });
});
