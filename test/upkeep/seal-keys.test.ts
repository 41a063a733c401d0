// The file of the keys that sign seals: made once, however many processes find that it is not there.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.ts';
import { SealKeys } from '../../src/upkeep/seal-keys.ts';
import { sealAndSend } from '../../src/upkeep/trail-work.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { appendLogouts, issuer, verify } from '../helpers/trail.ts';

testEachStore('of many that make the first key one wins, and all seal with it', async (t, database) => {
  const store = openStore(database.url);
  const folder = mkdtempSync(join(tmpdir(), 'revocation-seal-keys-'));
  t.teardown(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  await appendLogouts(store, 3);
  const sealKeyFile = join(folder, 'keys.json');
  const config = { publicUrl: issuer, production: false, sealKeyFile, sealFile: null, sealWebhookUrl: null };
  await Promise.all(Array.from({ length: 8 }, () => sealAndSend(store, config, { now: Date.now })));
  t.like(await verify(store, new SealKeys(sealKeyFile)), { finding: null, sealedThrough: 3, unsealed: 0 });
  t.deepEqual(readdirSync(folder), ['keys.json']);
  t.is(statSync(sealKeyFile).mode & 0o777, 0o600);
});
