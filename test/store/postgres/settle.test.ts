// Where the schema is made: where it is already, and in no database whose encoding lacks letters.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/store/migrate.ts';
import { migrationConfig } from '../../../src/store/migration-source.ts';
import { freshDatabase } from '../../helpers/databases.ts';
import { cli } from '../../helpers/run.ts';
import { byHand } from '../../helpers/tamper.ts';

test('an update stays in its schema, also when another has come before it in search_path since', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  await migrateUp(database.url);
  const [last = ''] = await migrateDown(database.url);
  await byHand(database, (run) => run('create schema authorization current_user'));
  t.deepEqual(await migrateUp(database.url), [last]);
  t.deepEqual((await migrationStatus(database.url)).pending, []);
  const schemas = await byHand(database, (run) =>
    run(
      `select distinct schemaname from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    ),
  );
  t.deepEqual(schemas, [{ schemaname: 'public' }]);
});

test('nothing is migrated into a database that cannot write every text', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  const name = `latin_${randomUUID().replaceAll('-', '')}`;
  await byHand(database, (run) =>
    run(`create database ${name} template template0 encoding 'LATIN1' locale 'C'`),
  );
  t.teardown(() => byHand(database, (run) => run(`drop database ${name} with (force)`)));
  const url = new URL(database.url);
  url.pathname = name;
  const { code, stderr } = await cli(['migrate', 'up'], { DATABASE_URL: url.href });
  t.is(code, 1);
  t.regex(stderr, /^The encoding of the database is not UTF8, .* createdb -E UTF8 -T template0 NAME\.\n$/);
  t.deepEqual(
    await byHand({ kind: 'postgres', url: url.href }, (run) =>
      run('select 1 from pg_tables where schemaname = ?', 'public'),
    ),
    [],
  );
  // Who has migrated one before this was looked at is not kept from updates.
  await byHand({ kind: 'postgres', url: url.href }, (run) =>
    run(
      `create table ${migrationConfig.tableName} (id serial primary key, name text, batch int, migration_time timestamptz)`,
    ),
  );
  t.is((await cli(['migrate', 'up'], { DATABASE_URL: url.href })).code, 0);
});
