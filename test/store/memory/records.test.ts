// Who is suspended, as batches that are under way side by side remember it.
import type { Knex } from 'knex';
import { systemOrigin } from '../../../src/domain/audit.ts';
import { switchClient } from '../../../src/domain/records/manage-clients.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { Records } from '../../../src/store/memory/records.ts';
import { TestApp } from '../../helpers/app.ts';
import { migratedDatabase, type TestDatabase } from '../../helpers/databases.ts';
import { testEachStore } from '../../helpers/each-database.ts';

testEachStore(
  'a batch that read earlier records, and is later to remember them, takes no suspension back',
  async (t, database) => {
    const app = await TestApp.start(database);
    const { client_id } = await app.addClient();
    await switchClient(app.store, systemOrigin, client_id, false);
    await app.stop();
    // As the records were before the suspension.
    const before = await migratedDatabase(database.kind);
    t.teardown(before.drop);
    const openReader = ({ url }: TestDatabase): Knex => {
      const reader = dialectOf(url).openReader();
      t.teardown(() => reader.destroy());
      return reader;
    };
    const [now, earlier] = [openReader(database), openReader(before)];
    const records = new Records(() => {}, 400);
    await records.readAnew(now, 6);
    for (const seq of [5, 6]) {
      await records.readAnew(earlier, seq);
      t.deepEqual([records.isClientSuspended(client_id), records.seq], [true, 6]);
    }
    await records.readAnew(earlier, 7);
    t.deepEqual([records.isClientSuspended(client_id), records.seq], [false, 7]);
  },
);
