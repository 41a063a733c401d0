// A Postgres that takes no writes for a while, as some providers have it when its disk is full.
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { testOn } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { byHand } from '../../helpers/tamper.ts';

testOn(
  'postgres',
  'where nothing may be written verdicts go on, and so do writes as soon as they may',
  async (t, app) => {
    const token = await app.register({ client_id: 'c1' });
    t.true(await app.isActive(token));
    const name = new URL(app.database.url).pathname.slice(1);
    const set = (value: string) =>
      byHand(app.database, async (run) => {
        await run('set default_transaction_read_only = off');
        await run(`alter database ${name} set default_transaction_read_only = ${value}`);
      });
    await set('on');
    await byHand(app.database, (run) =>
      run(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`),
    );
    const write = () =>
      app.store.write(() => ({
        outcome: 'done',
        effects: { usedIds: [{ digest: 'ab'.repeat(32), kind: 'inbox' as const, expiresAt: 0 }] },
      }));
    const refusal = async () => {
      const { cause } = await t.throwsAsync(write, { instanceOf: StoreUnavailable });
      return (cause as { code?: string }).code;
    };
    // The first may still hear that its connection has ended.
    await eventually(async () => (await refusal()) === '25006' || undefined);
    t.true(await app.isActive(token));
    t.like((await app.get('/health/ready')).body.checks, { database: 'cannot_write' });
    await set('off');
    t.is(await write(), 'done');
    t.is((await app.get('/health/ready')).status, 200);
  },
);
