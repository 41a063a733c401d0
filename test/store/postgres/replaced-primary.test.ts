// Another primary has taken over the name, while the one before is still there, and takes connections for one, too.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { TestApp } from '../../helpers/app.ts';
import { migratedDatabase, type TestDatabase } from '../../helpers/databases.ts';
import { eventually } from '../../helpers/eventually.ts';
import { MovableName } from '../../helpers/movable-name.ts';
import { byHand } from '../../helpers/tamper.ts';

const nameOf = ({ url }: Pick<TestDatabase, 'url'>) => new URL(url).pathname.slice(1);

test('nothing is said from a primary that another one has replaced', async (t) => {
  const before = await migratedDatabase('postgres');
  t.teardown(before.drop);
  const after = `test_${randomUUID().replaceAll('-', '')}`;
  const onServer = (...statements: string[]) =>
    byHand({ kind: 'postgres', url: process.env.TEST_DATABASE_URL as string }, async (run) => {
      for (const statement of statements) await run(statement);
    });
  const first = await TestApp.start(before);
  const client = await first.addClient();
  const observer = await first.addClient({ permissions: ['introspect:any'] });
  const token = await first.register({ client_id: client.client_id });
  await first.stop();
  await eventually(() =>
    onServer(`create database ${after} template ${nameOf(before)}`).then(
      () => true,
      () => undefined,
    ),
  );
  t.teardown(() => onServer(`drop database ${after} with (force)`));
  await onServer(`alter database ${after} set search_path = public, pg_catalog`);
  const promoted = { kind: 'postgres', url: before.url.replace(nameOf(before), after) } as const;
  await byHand(promoted, (run) =>
    run(`create function public.pg_postmaster_start_time() returns timestamptz language sql
      return pg_catalog.pg_postmaster_start_time() + interval '1 hour'`),
  );

  const name = await MovableName.open(before.url);
  t.teardown(() => name.close());
  const app = await TestApp.start({ ...before, url: name.url });
  t.teardown(() => app.stop());
  // Who was using a connection that has ended hears so first.
  const answered = (path: string) =>
    eventually(async () => {
      const { status, body } = await app.form(path, { token }, path === '/revoke' ? client : observer);
      return status === 200 ? body : undefined;
    });
  t.true((await answered('/introspect')).active);
  // So that there is a connection that writes.
  t.is((await app.form('/revoke', { token: 'unknown' }, client)).status, 200);
  name.database = after;
  // A connection that writes is seldom as busy as those that read, and may end for being idle.
  await byHand(before, (run) =>
    run(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = ? and query like 'COMMIT%'`,
      nameOf(before),
    ),
  );
  t.like(await answered('/revoke'), { status: 'revoked' });
  for (const _ of Array(20)) t.deepEqual(await answered('/introspect'), { active: false });
});
