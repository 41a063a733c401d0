// Transactions in which nobody waits for what is only written: what fails of it fails them, and COMMIT says why.
import type { Knex } from 'knex';
import { dialectOf, insertMany, runFixed } from '../../src/store/dialect.ts';
import { testEachStore } from '../helpers/each-database.ts';

const uniqueness = { sqlite: 'SQLITE_CONSTRAINT_PRIMARYKEY', postgres: '23505' } as const;

testEachStore('what fails unanswered is told by COMMIT, and nothing is written', async (t, database) => {
  const db = dialectOf(database.url).openWriter();
  await db.schema.createTable('things', (table) => table.integer('id').primary());
  const code = uniqueness[database.kind];
  const insert = (tx: Knex, ...ids: number[]) =>
    insertMany(
      tx,
      'things',
      ids.map((id) => ({ id })),
    );
  const ids = async () => (await db('things').orderBy('id').pluck('id')) as number[];

  await t.throwsAsync(
    db.transaction(async (tx) => {
      await insert(tx, 1, 2);
      await insert(tx, 2);
      await insert(tx, 3);
      await runFixed(tx, 'update things set id = id + ?', [10]);
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
    await runFixed(tx, 'update things set id = id + ?', [10]);
    t.deepEqual(await tx('things').orderBy('id').pluck('id'), [11, 12]);
  });
  t.deepEqual(await ids(), [11, 12]);
  await db.destroy();
});
