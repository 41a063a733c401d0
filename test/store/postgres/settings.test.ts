// What a user or a database has set for all sessions does not change what the server relies on.
import test from 'ava';
import { dialectOf } from '../../../src/store/dialect.ts';
import { freshDatabase } from '../../helpers/databases.ts';
import { byHand } from '../../helpers/tamper.ts';

const settings: readonly (readonly [name: string, theirs: string, ours: string, migrating?: string])[] = [
  ['synchronous_commit', 'off', 'on'],
  ['default_transaction_isolation', 'serializable', 'read committed'],
  ['enable_seqscan', 'on', 'off'],
  ['jit', 'on', 'off'],
  ['client_min_messages', 'error', 'warning'],
  ['statement_timeout', '1h', '10s', '0'],
  ['idle_in_transaction_session_timeout', '0', '10s'],
  ['idle_session_timeout', '1h', '0'],
  ['transaction_timeout', '1h', '0'],
];

test('what the database has set for its sessions does not change how the server works', async (t) => {
  const database = await freshDatabase('postgres');
  t.teardown(database.drop);
  const name = new URL(database.url).pathname.slice(1);
  await byHand(database, async (run) => {
    for (const [setting, theirs] of settings)
      await run(`alter database ${name} set ${setting} = '${theirs}'`);
  });
  const { openReader, openWriter, openMigrator } = dialectOf(database.url);
  for (const open of [openReader, openWriter, openMigrator]) {
    const pool = open();
    t.teardown(() => pool.destroy());
    for (const [setting, , ours, migrating = ours] of settings) {
      const { rows } = await pool.raw('select current_setting(?) as value', [setting]);
      t.is(rows[0].value, open === openMigrator ? migrating : ours, `${setting}, ${open.name}`);
    }
  }
});
