// Migrations: at once, up and down, and the same whether run from TypeScript or from the built JavaScript.
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import pg from 'pg';
import { migrateDown, migrateUp, migrationStatus } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { makeFile } from '../../src/store/sqlite/database-file.ts';
import { TestApp } from '../helpers/app.ts';
import { fileOf, freshDatabase, type TestDatabase } from '../helpers/databases.ts';
import { dump } from '../helpers/dump.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { purgeNow, trustForOneClient } from '../helpers/purging.ts';
import { cli, run } from '../helpers/run.ts';

const empty = { empty: true };

/** Registers, revokes and introspects on a database that somebody else migrated. */
async function assertServes(t: ExecutionContext, database: TestDatabase): Promise<void> {
  const app = await TestApp.start(database);
  t.is((await app.get('/health/ready')).status, 200);
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id, session_id: 's1', sub: 'u1' });
  await app.form('/revoke', { token }, client);
  t.false(await app.isActive(token));
  t.deepEqual(await app.stop(), []);
}

testEachStore(
  'of many starts on one empty database one migrates, and none fails',
  async (t, database) => {
    const env = { DATABASE_URL: database.url };
    const ran = await Promise.all(Array.from({ length: 4 }, () => cli(['migrate', 'up'], env)));
    for (const { code, stderr } of ran) t.is(code, 0, stderr);
    const { done, pending } = await migrationStatus(database.url);
    t.true(done.length > 0);
    t.deepEqual(pending, []);
    const said = ran.flatMap(({ stdout }) => stdout.match(/(?<=^ran ).*$/gm) ?? []);
    t.deepEqual(said, done);
    await assertServes(t, database);
  },
  empty,
);

testEachStore(
  'migrations go up, down to nothing, and up again',
  async (t, database) => {
    const up = await migrateUp(database.url);
    const undone: string[] = [];
    for (;;) {
      const names = await migrateDown(database.url);
      if (names.length === 0) break;
      undone.push(...names);
    }
    t.deepEqual(undone, up.toReversed());
    const left = Object.keys(await dump(database)).filter((table) => !/^(knex_|sqlite_)/.test(table));
    t.deepEqual(left, []);
    t.deepEqual((await migrationStatus(database.url)).pending, up);
    t.deepEqual(await migrateUp(database.url), up);
    t.deepEqual(await migrateUp(database.url), []);
    await assertServes(t, database);
  },
  empty,
);

testEachStore('each migration can be undone where there are records', async (t, database) => {
  const app = await TestApp.start(database);
  const { client, issuer, end } = await trustForOneClient(app);
  const token = await app.register({ client_id: client.client_id, sub: 'u1', session_id: 's1' });
  t.true(await app.isActive(await issuer.sign({ sid: 's1' })));
  await end({ kind: 'subject', sub: 'u1' });
  await app.form('/revoke', { token }, client);
  await app.stop();
  const { done } = await migrationStatus(database.url);
  for (const name of done.toReversed()) t.deepEqual(await migrateDown(database.url), [name]);
  t.deepEqual(await migrateUp(database.url), done);
  await assertServes(t, database);
});

testEachStore(
  'what was revoked stays dead, and what lives alive, where migrations go down and up again',
  async (t, database) => {
    let app = await TestApp.start(database);
    const { client, issuer, end } = await trustForOneClient(app);
    const of = { client_id: client.client_id };
    const [r1, spared, jwt, revoked] = [
      await app.register({ ...of, sub: 'u1', token_use: 'refresh_token', grant_id: 'g1' }),
      await app.register({ ...of, sub: 'u2', session_id: 's1' }),
      await issuer.sign({ sid: 's3' }),
      await issuer.sign({ jti: 'j1' }),
    ];
    const dead = [
      r1,
      await app.register({ ...of, sub: 'u2', session_id: 's2' }),
      await app.register({ ...of, sub: 'u3' }),
      jwt,
      revoked,
    ];
    const next = { ...of, sub: 'u1', token_use: 'refresh_token', grant_id: 'g1', replaces: r1 };
    const alive = [await app.register(next), spared, await issuer.sign({ jti: 'j2' })];
    await app.json('/logout', { scope: 'others' }, `Bearer ${spared}`);
    await end({ kind: 'subject', sub: 'u3', issuer: app.policy.publicUrl });
    await end({ kind: 'session', session_id: 's3' });
    await app.form('/revoke', { token: revoked }, client);
    const { clock } = app;
    for (let steps = 1; ; steps += 1) {
      await app.stop();
      const undone: string[] = [];
      for (let step = 0; step < steps; step++) undone.push(...(await migrateDown(database.url)));
      t.is((await migrateUp(database.url)).length, steps);
      app = await TestApp.start(database, {}, clock);
      for (const token of dead) t.false(await app.isActive(token), undone.at(-1));
      for (const token of alive) t.true(await app.isActive(token), undone.at(-1));
      await purgeNow(app);
      for (const token of dead) t.false(await app.isActive(token), undone.at(-1));
      const later = await app.register({ ...of, sub: 'u3' });
      await app.form('/revoke', { token: later }, client);
      dead.push(later);
      // What is before it did not know of restrictions yet, nor of issuers.
      if (undone.at(-1) === '0004-audit-trail') break;
    }
    await app.stop();
  },
);

testEachStore(
  'migration status reads an empty database without writing to it',
  async (t, database) => {
    const { done, pending } = await migrationStatus(database.url);
    t.deepEqual(done, []);
    t.true(pending.length > 0);
    if (database.kind === 'sqlite') t.false(existsSync(fileOf(database)));
    else t.deepEqual(Object.keys(await dump(database)), []);
  },
  empty,
);

testEachStore(
  'a command neither makes a database nor brings it up to date, and says what to do',
  async (t, database) => {
    const env = { DATABASE_URL: database.url };
    for (const command of [
      ['client', 'list'],
      ['revoke', '--subject', 'u1', '--reason', 'admin'],
      ['purge'],
    ]) {
      const { code, stderr, stdout } = await cli(command, env);
      t.deepEqual([code, stdout], [1, '']);
      t.regex(
        stderr,
        database.kind === 'sqlite' ? /^There is no database where .*migrate up/ : /migrate up$/m,
      );
    }
    t.deepEqual((await migrationStatus(database.url)).done, []);
    if (database.kind === 'sqlite') t.false(existsSync(fileOf(database)));
  },
  empty,
);

testEachStore('a program that is older than the schema does nothing, and says so', async (t, database) => {
  await execute(
    database,
    "insert into knex_migrations (name, batch, migration_time) values ('9999-later', 2, current_timestamp)",
  );
  const env = { DATABASE_URL: database.url, PORT: '0' };
  for (const command of [
    ['serve'],
    ['client', 'create', '--id', 'c1'],
    ['client', 'list'],
    ['migrate', 'up'],
    ['migrate', 'down', '--confirm', '9999-later'],
  ]) {
    const { code, stderr, stdout } = await cli(command, env);
    t.deepEqual([code, stdout], [1, ''], command.join(' '));
    t.regex(stderr, /^The schema of the database is newer than this program, .* Run the version that /);
  }
  const status = await cli(['migrate', 'status'], env);
  t.deepEqual([status.code, status.stdout.match(/^newer .*/gm)], [1, ['newer    9999-later']]);
  const store = openStore(database.url);
  t.deepEqual(await store.findFaults(), { migrations: 'newer' });
  await store.close();
});

testEachStore('migrate down wants the name of what it would undo', async (t, database) => {
  const env = { DATABASE_URL: database.url };
  const last = (await migrationStatus(database.url)).done.at(-1) as string;
  for (const confirm of [[], ['--confirm', '0001-initial']]) {
    const { code, stderr } = await cli(['migrate', 'down', ...confirm], env);
    t.is(code, 1);
    t.true(stderr.includes(`migrate down --confirm ${last}`));
  }
  t.deepEqual((await migrationStatus(database.url)).pending, []);
  const { code, stdout } = await cli(['migrate', 'down', '--confirm', last], env);
  t.deepEqual([code, stdout], [0, `undid ${last}\n`]);
  t.deepEqual((await migrationStatus(database.url)).pending, [last]);
});

testEachStore('a start that was killed while migrating does not stop the next', async (t, database) => {
  await migrateUp(database.url);
  await execute(database, 'update knex_migrations_lock set is_locked = 1');
  t.deepEqual(await migrateUp(database.url), []);
  await migrateDown(database.url);
  await execute(database, 'update knex_migrations_lock set is_locked = 1');
  t.true((await migrateUp(database.url)).length > 0);
});

testEachStore(
  'a database migrated from TypeScript by the knex command line runs under the built JavaScript',
  async (t, database) => {
    const env = { DATABASE_URL: database.url };
    const { pending } = await migrationStatus(database.url);
    const shown = await run('npm', ['run', '-s', 'knex', '--', 'migrate:status'], env);
    t.deepEqual(shown.stdout.match(/^\d{4}-\S+/gm), pending);
    const migrated = await run('npm', ['run', '-s', 'knex', '--', 'migrate:latest'], env);
    t.is(migrated.code, 0, migrated.stderr);
    const status = await cli(['migrate', 'status'], env);
    t.is(status.code, 0, status.stdout);
    t.is((await cli(['migrate', 'up'], env)).stdout, 'The schema is up to date.\n');
    await assertServes(t, database);
  },
  empty,
);

testEachStore(
  'a database migrated by the built JavaScript is up to date for the knex command line',
  async (t, database) => {
    const env = { DATABASE_URL: database.url };
    const up = await cli(['migrate', 'up'], env);
    t.regex(up.stdout, /^ran 0001-initial$/m);
    const latest = await run('npm', ['run', '-s', 'knex', '--', 'migrate:latest'], env);
    t.is(latest.code, 0, latest.stderr);
    t.regex(latest.stdout, /Already up to date/);
  },
  empty,
);

testEachStore(
  'a store on a database that was never migrated is not ready, and answers nothing',
  async (t, database) => {
    if (database.kind === 'sqlite') makeFile(fileOf(database));
    const store = openStore(database.url);
    t.deepEqual(await store.findFaults(), { migrations: 'pending' });
    await t.throwsAsync(store.findEventHead(), { name: 'StoreUnavailable' });
    await t.throwsAsync(
      store.ask((facts) => facts.client('c1')),
      { name: 'StoreUnavailable' },
    );
    await t.throwsAsync(
      store.write(() => ({ outcome: 1, effects: {} })),
      { name: 'StoreUnavailable' },
    );
    await store.close();
  },
  empty,
);

testEachStore(
  'a store whose database is not there says so, and answers nothing',
  async (t, { kind, url }) => {
    const gone = await freshDatabase(kind);
    await gone.drop();
    const store = openStore(kind === 'sqlite' ? `sqlite:${dirname(fileOf({ url }))}` : gone.url);
    t.deepEqual(await store.findFaults(), { database: 'unreachable', migrations: 'unknown' });
    await t.throwsAsync(
      store.ask((facts) => facts.client('c1')),
      { name: 'StoreUnavailable' },
    );
    await t.throwsAsync(
      store.write(() => ({ outcome: 1, effects: {} })),
      { name: 'StoreUnavailable' },
    );
    await store.close();
  },
  empty,
);

async function execute({ kind, url }: TestDatabase, statement: string): Promise<void> {
  if (kind === 'sqlite') {
    const sqlite = new Database(fileOf({ url }));
    sqlite.exec(statement);
    sqlite.close();
    return;
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
