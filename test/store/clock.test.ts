// Where the database's clock stamps what is written, a server whose own is wrong is not ready. In this file it is.
import { openStore } from '../../src/store/open.ts';
import { testEachStore } from '../helpers/each-database.ts';

const right = Date.now;
Date.now = () => right() + 5_000;

testEachStore('a clock that differs from the database is a fault', async (t, database) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  // SQLite has none of its own.
  t.deepEqual(await store.findFaults(), database.kind === 'postgres' ? { clock: 'wrong' } : {});
});
