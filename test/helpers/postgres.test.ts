// Checks that the databases of the other tests are real, empty, apart from each other, and gone once dropped.
import { access } from 'node:fs/promises';
import test from 'ava';
import pg from 'pg';
import { fileOf, freshDatabase, migratedDatabase, type TestDatabase } from './databases.ts';
import { byHand } from './tamper.ts';

const query = (database: Pick<TestDatabase, 'kind' | 'url'>, sql: string) =>
  byHand(database, (run) => run(sql));

const tableCounts = {
  sqlite: 'select count(*) as count from sqlite_master',
  postgres: "select count(*)::int as count from information_schema.tables where table_schema = 'public'",
};

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`a fresh ${kind} database answers and has no tables`, async (t) => {
    const database = await freshDatabase(kind);
    t.teardown(database.drop);
    t.deepEqual(await query(database, 'select 1 as one'), [{ one: 1 }]);
    t.deepEqual(await query(database, tableCounts[kind]), [{ count: 0 }]);
  });

  test(`a table in one fresh ${kind} database is not in another`, async (t) => {
    const [one, other] = await Promise.all([freshDatabase(kind), freshDatabase(kind)]);
    t.teardown(one.drop);
    t.teardown(other.drop);
    await query(one, 'create table mark (id integer)');
    t.deepEqual(await query(one, tableCounts[kind]), [{ count: 1 }]);
    t.deepEqual(await query(other, tableCounts[kind]), [{ count: 0 }]);
  });

  test(`copies of the migrated ${kind} database have its tables, even when made at the same time`, async (t) => {
    const databases = await Promise.all(Array.from({ length: 5 }, () => migratedDatabase(kind)));
    for (const { drop } of databases) t.teardown(drop);
    t.is(new Set(databases.map(({ url }) => url)).size, 5);
    const counts = await Promise.all(databases.map((database) => query(database, tableCounts[kind])));
    t.true(Number(counts[0]?.[0]?.count) > 0);
    for (const count of counts) t.deepEqual(count, counts[0]);
  });
}

test('a dropped sqlite database leaves no file', async (t) => {
  const { url, drop } = await freshDatabase('sqlite');
  await query({ kind: 'sqlite', url }, 'create table mark (id integer)');
  const file = fileOf({ url });
  await t.notThrowsAsync(access(file));
  await drop();
  await t.throwsAsync(access(file), { code: 'ENOENT' });
});

test('a dropped postgres database is gone, also under an open connection', async (t) => {
  const { url, drop } = await freshDatabase('postgres');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const errors: Error[] = [];
  client.on('error', (error) => errors.push(error));
  const ended = new Promise((resolve) => client.once('end', resolve));
  await drop();
  await ended;
  t.is((errors[0] as pg.DatabaseError).code, '57P01');
  await t.throwsAsync(query({ kind: 'postgres', url }, 'select 1'), { code: '3D000' });
});
