// The thread that writes to SQLite: what comes back from it is what a connection would have said, its end is
// told to everyone who waits, and it leaves the files tidy.
import { existsSync, statSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import Database from 'better-sqlite3';
import type { Knex } from 'knex';
import { eventOf, systemOrigin } from '../../../src/domain/audit.ts';
import { type Decision, recordEvents, type Store } from '../../../src/domain/store.ts';
import { dialectOf, writesOf } from '../../../src/store/dialect.ts';
import { migrateUp } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/open.ts';
import { makeFile } from '../../../src/store/sqlite/database-file.ts';
import { WriterThread } from '../../../src/store/sqlite/writer-thread.ts';
import { fileOf, freshDatabase, migratedDatabase } from '../../helpers/databases.ts';
import { run } from '../../helpers/run.ts';
import { launch } from '../../helpers/server-process.ts';

async function freshFile(t: ExecutionContext): Promise<string> {
  const database = await freshDatabase('sqlite');
  t.teardown(database.drop);
  return makeFile(fileOf(database));
}

async function openWriter(t: ExecutionContext, file: string): Promise<Knex> {
  const db = dialectOf(`sqlite:${file}`).openWriter();
  t.teardown(() => db.destroy());
  return db;
}

const login = (): Decision<number> => ({
  outcome: 1,
  effects: { events: [eventOf(systemOrigin, 'login', { userId: 'u1' })] },
});

/** The threads that start while `work` runs. */
async function threadsOf(work: () => Promise<unknown>): Promise<Worker[]> {
  const threads: Worker[] = [];
  const note = (worker: Worker) => threads.push(worker);
  process.on('worker', note);
  try {
    await work();
  } finally {
    process.off('worker', note);
  }
  return threads;
}

test('the files of a database, and a folder made for them, are for their owner alone', async (t) => {
  const folder = join(dirname(await freshFile(t)), 'made', 'for-it');
  const url = `sqlite:${join(folder, 'new.sqlite')}`;
  await migrateUp(url);
  const store = openStore(url);
  await recordEvents(store, [eventOf(systemOrigin, 'login')]);
  await dialectOf(url).withTaskLock('seal', async () => {});
  const modes = (await readdir(folder))
    .sort()
    .map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]);
  await store.close();
  t.deepEqual(
    modes,
    ['new.sqlite', 'new.sqlite-migrate', 'new.sqlite-seal', 'new.sqlite-shm', 'new.sqlite-wal'].map(
      (name) => [name, '600'],
    ),
  );
  t.is((statSync(folder).mode & 0o777).toString(8), '700');
});

test('errors keep their code, name and message', async (t) => {
  const db = await openWriter(t, await freshFile(t));
  await db.schema.createTable('things', (table) => {
    table.integer('id').primary();
    table.text('name').notNullable().unique();
  });
  await writesOf(db).insertMany('things', [{ id: 1, name: 'one' }]);
  const inserting = (row: object) => t.throwsAsync(db('things').insert(row), { any: true });
  const [unique, missing] = [await inserting({ id: 2, name: 'one' }), await inserting({ id: 2, name: null })];
  t.like(unique, { name: 'SqliteError', code: 'SQLITE_CONSTRAINT_UNIQUE' });
  t.regex((unique as Error).message, /UNIQUE constraint failed: things\.name$/);
  t.like(missing, { name: 'SqliteError', code: 'SQLITE_CONSTRAINT_NOTNULL' });
  const many = [
    { id: 2, name: 'two' },
    { id: 1, name: 'three' },
  ];
  await t.throwsAsync(
    db.transaction((tx) => writesOf(tx).insertMany('things', many)),
    { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
  );
  t.deepEqual(await db('things').pluck('id'), [1], 'none of the rows');
  await t.throwsAsync(db.raw('select no_such_column'), { code: 'SQLITE_ERROR' });
  t.deepEqual(await db.raw('select 1 as one'), [{ one: 1 }]);
});

test('what cannot be bound is refused, and spoils nothing that follows', async (t) => {
  const thread = await WriterThread.start({ filename: await freshFile(t), pragmas: [] });
  t.teardown(() => thread.close());
  const [unbound, unsent, sent] = await Promise.allSettled([
    thread.run('select ? as one', [true]),
    thread.run('select ? as one', [() => 1]),
    thread.run('select ? as one', [1]),
  ]);
  t.like(unbound, { status: 'rejected', reason: { name: 'TypeError' } });
  t.like(unsent, { status: 'rejected', reason: { name: 'DataCloneError' } });
  t.like(sent, { status: 'fulfilled', value: { rows: [{ one: 1 }] } });
});

test('a database that another process writes is busy, one that cannot be opened says so', async (t) => {
  const file = await freshFile(t);
  const other = new Database(file);
  t.teardown(() => other.close());
  other.pragma('journal_mode = WAL');
  other.exec('create table things (id integer); begin immediate');
  const thread = await WriterThread.start({ filename: file, pragmas: ['busy_timeout = 0'] });
  t.teardown(() => thread.close());
  const transaction = async (): Promise<void> => {
    thread.begin();
    await thread.runEach('insert into things values (?)', [1, 2], 1);
    await thread.end({ commits: true });
  };
  await t.throwsAsync(transaction(), { code: 'SQLITE_BUSY' });
  await t.throwsAsync(thread.runEach('insert into things values (?)', [0], 1), { code: 'SQLITE_BUSY' });
  other.exec('commit');
  await transaction();
  t.deepEqual(other.prepare('select id from things').pluck().all(), [1, 2]);
  await t.throwsAsync(WriterThread.start({ filename: dirname(file), pragmas: [] }), {
    code: 'SQLITE_CANTOPEN',
  });
});

test('what fails unanswered in a transaction is told by what follows, and nothing of it is written', async (t) => {
  const file = await freshFile(t);
  const thread = await WriterThread.start({ filename: file, pragmas: [] });
  t.teardown(() => thread.close());
  await thread.run('create table things (id integer primary key)', []);
  const insert = (...ids: unknown[]) => thread.runEach('insert into things values (?)', ids, 1);
  const count = () => thread.run('select count(*) as count from things', []);
  for (const commits of [true, false]) {
    thread.begin();
    await insert(1, 2, 2);
    await insert(3);
    await t.throwsAsync(count(), { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' });
    const ended = thread.end({ commits });
    await (commits ? t.throwsAsync(ended, { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }) : ended);
    t.like(await count(), { rows: [{ count: 0 }] });
  }
  thread.begin();
  await insert('no number');
  await t.throwsAsync(thread.end({ commits: true }), { code: 'SQLITE_MISMATCH' });
  thread.begin();
  await insert(1);
  await thread.end({ commits: false });
  thread.begin();
  await insert(1);
  await thread.end({ commits: true });
  t.like(await count(), { rows: [{ count: 1 }] });
});

test('bytes come back as the Buffers that they were', async (t) => {
  const db = await openWriter(t, await freshFile(t));
  await db.raw('create table things (id integer primary key, bytes blob, name text)');
  const every = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const rows = [every, every.subarray(3, 7), Buffer.alloc(0), Buffer.alloc(100_000, 7), null].map(
    (bytes, id) => ({ id, bytes, name: `täxt ${id}` }),
  );
  await writesOf(db).insertMany('things', rows);
  t.deepEqual(await db('things').orderBy('id'), rows);
  for (const { id, bytes } of rows) {
    const found = await db('things').where({ id }).first();
    t.is(Buffer.isBuffer(found.bytes), bytes !== null);
    if (bytes && bytes.length > 0) t.is((await db('things').where({ bytes }).first()).id, id);
  }
});

test('counts and ids come back as from a connection', async (t) => {
  const db = await openWriter(t, await freshFile(t));
  await db.raw('create table things (id integer primary key, name text)');
  t.deepEqual(await db('things').insert({ name: 'one' }), [1]);
  t.deepEqual(await db('things').insert({ name: 'two' }).returning(['id', 'name']), [{ id: 2, name: 'two' }]);
  t.is(await db('things').where('id', '>', 0).update({ name: 'same' }), 2);
  t.is(await db('things').where('id', 1).delete(), 1);
  t.is(await db('things').where('id', 9).first(), undefined);
});

test('a transaction whose COMMIT fails is over', async (t) => {
  const db = await openWriter(t, await freshFile(t));
  await db.raw('create table parents (id integer primary key)');
  await db.raw('create table children (id integer references parents deferrable initially deferred)');
  const orphan = db.transaction((tx) => tx('children').insert({ id: 1 }));
  await t.throwsAsync(orphan, { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  await db.transaction((tx) => tx('parents').insert({ id: 2 }));
  t.deepEqual([await db('parents').pluck('id'), await db('children').pluck('id')], [[2], []]);
});

test('where the database has rolled back by itself, its own error is told', async (t) => {
  const db = await openWriter(t, await freshFile(t));
  await db.raw('create table things (id integer primary key)');
  const refused = db.transaction(async (tx) => {
    await tx('things').insert({ id: 1 });
    await tx.raw('insert or rollback into things values (1)');
  });
  await t.throwsAsync(refused, { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' });
  t.deepEqual(await db('things').pluck('id'), []);
});

async function migratedStore(t: ExecutionContext): Promise<{ store: Store; file: string }> {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const store = openStore(database.url);
  t.teardown(() => store.close());
  return { store, file: fileOf(database) };
}

test.serial(
  'when the thread ends, whoever waits is told that the store fails, and the next one writes',
  async (t) => {
    const { store } = await migratedStore(t);
    let [thread] = await threadsOf(() => store.write(login));
    for (let failed = 0; failed === 0; ) {
      const before = await store.findEventHead();
      const cut = Array.from({ length: 200 }, () => store.write(login));
      // Not before one is under way: a thread that has ended is replaced by the first that comes.
      await new Promise((resolve) => setImmediate(resolve));
      const ended = thread?.terminate();
      const settled = await Promise.allSettled(cut);
      const failures = settled.flatMap((result) =>
        result.status === 'rejected' ? [result.reason.name] : [],
      );
      t.true(failures.every((name) => name === 'StoreUnavailable'));
      await ended;
      [thread] = await threadsOf(async () => t.is(await store.write(login), 1));
      t.truthy(thread, 'another thread');
      const written = (await store.findEventHead()) - before;
      t.true(written > cut.length - failures.length, 'what was answered, and the last');
      // What was committed in the instant of the end was not answered any more.
      t.true(written <= cut.length + 1);
      // On a busy machine all may have been committed before the thread has ended: then once more.
      failed = failures.length;
    }
  },
);

test.serial('a thread that ends within a transaction leaves nothing of it and no lock', async (t) => {
  const file = await freshFile(t);
  const db = await openWriter(t, file);
  const [thread] = await threadsOf(() => db.raw('create table things (id integer)'));
  const cut = db.transaction(async (tx) => {
    await tx('things').insert({ id: 1 });
    await thread?.terminate();
    await tx('things').insert({ id: 2 });
  });
  await t.throwsAsync(cut, { code: 'WRITER_THREAD_ENDED' });
  await db.transaction((tx) => tx('things').insert({ id: 3 }));
  t.deepEqual(await db('things').pluck('id'), [3]);
});

test('while a write waits for another process, questions are answered', async (t) => {
  const { store, file } = await migratedStore(t);
  const other = new Database(file);
  other.exec('begin immediate');
  const written = store.write(login);
  t.is(await store.ask((facts) => facts.client('nobody')), undefined);
  t.is(await store.findEventHead(), 0);
  other.exec('commit');
  other.close();
  t.is(await written, 1);
});

test('the write-ahead log stays short however much is written', async (t) => {
  const file = await freshFile(t);
  const db = await openWriter(t, file);
  await db.raw('create table things (id integer primary key, bytes blob)');
  const megabyte = 2 ** 20;
  const rows = Array.from({ length: 8 }, () => ({ bytes: Buffer.alloc(megabyte / 8, 1) }));
  let longest = 0;
  for (let written = 0; written < 80; written++) {
    await db.transaction((tx) => writesOf(tx).insertMany('things', rows));
    longest = Math.max(longest, statSync(`${file}-wal`).size);
  }
  t.true(statSync(file).size > 40 * megabyte, 'most was copied into the file meanwhile');
  t.true(longest < 20 * megabyte, `${longest} bytes`);
});

test('the write-ahead log stays short though another writes while it is copied', async (t) => {
  const file = await freshFile(t);
  const writers = [await openWriter(t, file), await openWriter(t, file)];
  await writers[0]?.raw('create table things (id integer primary key, bytes blob)');
  const megabyte = 2 ** 20;
  const rows = Array.from({ length: 8 }, () => ({ bytes: Buffer.alloc(megabyte / 8, 1) }));
  let longest = 0;
  const write = async (db: Knex) => {
    for (let written = 0; written < 100; written++) {
      await db.transaction((tx) => writesOf(tx).insertMany('things', rows));
      longest = Math.max(longest, statSync(`${file}-wal`).size);
    }
  };
  await Promise.all(writers.map(write));
  t.true(longest < 96 * megabyte, `${longest} bytes`);
});

test('a server that was stopped leaves one file', async (t) => {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const file = fileOf(database);
  const server = await launch(t, { DATABASE_URL: database.url, SEED_DEMO: 'no' });
  t.is((await fetch(`${server.url}/health/ready`)).status, 200);
  t.true(existsSync(`${file}-wal`));
  t.is(await server.end('SIGTERM'), 0);
  t.deepEqual([existsSync(`${file}-wal`), existsSync(`${file}-shm`)], [false, false]);
});

test('a process that has closed its store ends by itself, and leaves one file', async (t) => {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const program = `
    import { openStore } from './dist/src/store/open.js';
    const store = openStore(process.env.DATABASE_URL);
    console.log(await store.write(() => ({ outcome: 'written', effects: {} })));
    await store.close();`;
  const args = ['--input-type=module', '-e', program];
  const { code, stdout, stderr } = await run(process.execPath, args, { DATABASE_URL: database.url });
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'written\n', stderr: '' });
  t.deepEqual(await readdir(dirname(fileOf(database))), ['test.sqlite']);
});

test('no commit is told of a database file that was deleted or replaced', async (t) => {
  const { store, file } = await migratedStore(t);
  t.is(await store.write(login), 1);
  await rename(file, `${file}.backup`);
  await t.throwsAsync(store.write(login), { name: 'StoreUnavailable', message: /deleted or replaced/ });
  // The thread looks for itself, at every commit.
  const purging = store.upkeep.purgeEndedSessions({ before: 1, unexpiredSince: 0 }, 1);
  const refused = await t.throwsAsync(purging, { name: 'StoreUnavailable' });
  t.regex(String((refused?.cause as Error | undefined)?.message), /deleted or replaced/);
  t.deepEqual(await store.findFaults(), { database: 'replaced', migrations: 'unknown' });
  await rename(`${file}.backup`, file);
  t.is(await store.write(login), 1);
  t.deepEqual(await store.findFaults(), {});
});
