// Where the database's clock stamps what is written, a server whose own is wrong is not ready. In this file it is.
// SQLite has no clock of its own.
import { openStore } from '../../../src/store/open.ts';
import { testOn } from '../../helpers/each-database.ts';

const right = Date.now;
Date.now = () => right() + 5_000;

testOn('postgres', 'a clock that differs from the database is a fault', async (t, { database }) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  t.deepEqual(await store.findFaults(), { clock: 'wrong' });
});
