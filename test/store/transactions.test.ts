// Transactions in which nobody waits for what is only written: what fails of it fails them, and COMMIT says why.
import test from 'ava';
import type { Knex } from 'knex';
import { dialectOf, writesOf } from '../../src/store/dialect.ts';
import { freshDatabase } from '../helpers/databases.ts';
import { testEachStore } from '../helpers/each-database.ts';

const uniqueness = { sqlite: 'SQLITE_CONSTRAINT_PRIMARYKEY', postgres: '23505' } as const;

testEachStore('what fails unanswered is told by COMMIT, and nothing is written', async (t, database) => {
  const db = dialectOf(database.url).openWriter();
  await db.schema.createTable('things', (table) => table.integer('id').primary());
  const code = uniqueness[database.kind];
  const insert = (tx: Knex, ...ids: number[]) =>
    writesOf(tx).insertMany(
      'things',
      ids.map((id) => ({ id })),
    );
  const ids = async () => (await db('things').orderBy('id').pluck('id')) as number[];

  await t.throwsAsync(
    db.transaction(async (tx) => {
      await insert(tx, 1, 2);
      await insert(tx, 2);
      await insert(tx, 3);
      await writesOf(tx).updateFixed('update things set id = id + ?', [10]);
    }),
    { code },
  );
  t.deepEqual(await ids(), []);

  await t.throwsAsync(
    db.transaction(async (tx) => {
      await insert(tx, 1, 1);
      await tx('things').pluck('id');
    }),
    { code },
    'whatever is answered after it says why',
  );
  const abandoned = db.transaction(async (tx) => {
    await insert(tx, 1, 1);
    throw new Error('abandoned');
  });
  await t.throwsAsync(abandoned, { message: 'abandoned' });
  t.deepEqual(await ids(), []);

  await t.throwsAsync(insert(db, 1, 1), { code }, 'outside of a transaction at once');
  await db('things').delete();
  await db.transaction(async (tx) => {
    await insert(tx, 1, 2);
    await writesOf(tx).updateFixed('update things set id = id + ?', [10]);
    t.deepEqual(await tx('things').orderBy('id').pluck('id'), [11, 12]);
  });
  t.deepEqual(await ids(), [11, 12]);
  await db.destroy();
});

testEachStore('a frequent transaction is written whole or not at all, and then over', async (t, database) => {
  const dialect = dialectOf(database.url);
  const db = dialect.openWriter();
  await db.schema.createTable('things', (table) => table.integer('id').primary());
  const code = uniqueness[database.kind];
  const ids = async () => (await db('things').orderBy('id').pluck('id')) as number[];
  let over: Knex | undefined;

  const abandoned = dialect.inTransaction(db, async (tx) => {
    over = tx;
    await writesOf(tx).insertMany('things', [{ id: 1 }]);
    throw new Error('abandoned');
  });
  await t.throwsAsync(abandoned, { message: 'abandoned' });
  await t.throwsAsync(async () => over?.('things').insert({ id: 2 }), undefined, 'after a rollback');
  const refused = dialect.inTransaction(db, (tx) =>
    writesOf(tx).insertMany('things', [{ id: 3 }, { id: 3 }]),
  );
  await t.throwsAsync(refused, { code }, 'COMMIT says why');
  t.deepEqual(await ids(), []);

  const both = [4, 5].map((id) =>
    dialect.inTransaction(db, async (tx) => {
      over = tx;
      await tx('things').insert({ id });
      return id;
    }),
  );
  t.deepEqual(await Promise.all(both), [4, 5]);
  await t.throwsAsync(async () => over?.('things').insert({ id: 6 }), undefined, 'after a commit');
  t.deepEqual(await ids(), [4, 5]);
  await db.destroy();
});

test('a transaction in which a failure was passed over is not said to be written (postgres)', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  const db = dialectOf(database.url).openWriter();
  t.teardown(() => db.destroy());
  await db.schema.createTable('things', (table) => table.integer('id').primary());
  const written = db.transaction(async (tx) => {
    await tx('things').insert({ id: 1 });
    await tx('nowhere')
      .insert({ id: 1 })
      .catch(() => {});
  });
  await t.throwsAsync(written, { name: 'TransactionRolledBack' });
  t.deepEqual(await db('things'), []);
});
