// The database itself refuses to change the past, but for the way that a purge and an erasure take.
import { leafOf } from '../../../src/domain/trail/audit-leaf.ts';
import { migrateDown, migrateUp } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/open.ts';
import { testEachDatabase, testEachStore } from '../../helpers/each-database.ts';
import { byHand, listTriggers } from '../../helpers/tamper.ts';
import { appendLogouts, newKeys, seal } from '../../helpers/trail.ts';

testEachDatabase('the database refuses to update or delete what is append-only', async (t, app) => {
  const keys = await newKeys(t);
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id, sub: 'u1', session_id: 's1' });
  await app.form('/revoke', { token }, client);
  await seal(app.store, keys);
  const refused = [
    'update audit_events set count = count',
    'delete from audit_events where seq = 1',
    'update revocations set cutoff = 0',
    'delete from revocations',
    "update tokens set subject = 'u2'",
    'update audit_seals set number = number',
    'delete from audit_seals',
    ...(app.database.kind === 'postgres' ? ['truncate audit_events', 'truncate revocations'] : []),
  ];
  await byHand(app.database, async (run) => {
    for (const statement of refused) {
      const error = await t.throwsAsync(run(statement), { any: true } as never, statement);
      t.regex(String((error as Error).message), /is append-only$/, statement);
    }
    const [row] = await run('select count(*) as count from append_only_passes');
    t.is(Number(row?.count), 0);
  });
});

testEachDatabase('a pass that is never taken back lets nobody change a seal', async (t, app) => {
  const keys = await newKeys(t);
  await app.addClient();
  await seal(app.store, keys);
  await byHand(app.database, async (run) => {
    await run("insert into append_only_passes (pass) values ('mine')");
    const error = await t.throwsAsync(run('delete from audit_seals'), { any: true } as never);
    t.regex(String((error as Error).message), /is append-only$/);
    await run("delete from append_only_passes where pass = 'mine'");
  });
});

testEachStore(
  'migration 0004 gives events that are there their leaves, and goes down and up again',
  async (t, database) => {
    const keys = await newKeys(t);
    const before = openStore(database.url);
    await appendLogouts(before, 5);
    await before.close();
    const down: string[] = [];
    while (!down.includes('0004-audit-trail')) down.push(...(await migrateDown(database.url)));
    await byHand(database, async (run) => {
      t.deepEqual(await listTriggers(database, run), []);
      const [row] = await run('select count(*) as count from audit_events');
      t.is(Number(row?.count), 5);
    });
    await migrateUp(database.url);
    const store = openStore(database.url);
    t.teardown(() => store.close());
    const events = await store.upkeep.listStoredEvents(0, 10);
    t.deepEqual(
      events.map(({ storedLeaf }) => storedLeaf),
      events.map(({ event }) => leafOf(event)),
    );
    await appendLogouts(store, 2, 6);
    t.is((await seal(store, keys)).at(-1)?.last, 7);
    await byHand(database, async (run) => t.true((await listTriggers(database, run)).length >= 7));
  },
);
