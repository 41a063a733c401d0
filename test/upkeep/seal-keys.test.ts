// The file of the keys that sign seals: made once, however many processes find that it is not there; and no key that
// ever signed is lost from it.
import { chmodSync, chownSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createKeyFile, rotateKeyFile, SigningKeys } from '../../src/jwt/signing-keys.ts';
import { openStore } from '../../src/store/open.ts';
import { SealKeys } from '../../src/upkeep/seal-keys.ts';
import { sealAndSend } from '../../src/upkeep/trail-work.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { folderOf } from '../helpers/folders.ts';
import { appendLogouts, issuer, verify } from '../helpers/trail.ts';

testEachStore('of many that make the first key one wins, and all seal with it', async (t, database) => {
  const store = openStore(database.url);
  t.teardown(() => store.close());
  await appendLogouts(store, 3);
  const folder = folderOf(t);
  const sealKeyFile = join(folder, 'keys.json');
  const config = { publicUrl: issuer, production: false, sealKeyFile, sealFile: null, sealWebhookUrl: null };
  await Promise.all(Array.from({ length: 8 }, () => sealAndSend(store, config, { now: Date.now })));
  t.like(await verify(store, new SealKeys(sealKeyFile)), { finding: null, sealedThrough: 3, unsealed: 0 });
  t.deepEqual(readdirSync(folder), ['keys.json']);
  t.is(statSync(sealKeyFile).mode & 0o777, 0o600);
});

test('of rotations at once none loses the key of another; the rest are refused, as after one cut short', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'keys.json');
  const made: (string | undefined)[] = [];
  for (let round = 0; round < 5; round++) {
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => new SealKeys(path).rotate()));
    for (const one of all) {
      if (one.status === 'fulfilled') made.push(one.value.kid);
      else
        t.regex(
          one.reason.message,
          /keys\.json is being changed\. If nobody does, .*: remove .*keys\.json\.next$/,
        );
    }
  }
  const kept = new SealKeys(path).publicKeys().keys.map(({ kid }) => kid);
  t.deepEqual([...kept].sort(), [...made].sort());
  t.deepEqual(readdirSync(folder), ['keys.json']);

  writeFileSync(`${path}.next`, '');
  await t.throwsAsync(new SealKeys(path).rotate(), { message: /is being changed/ });
  t.deepEqual(
    new SealKeys(path).publicKeys().keys.map(({ kid }) => kid),
    kept,
  );
  rmSync(`${path}.next`);
  await new SealKeys(path).rotate();
  t.is(new SealKeys(path).publicKeys().keys.length, kept.length + 1);
});

test('a file of keys that strangers can read is not used; its group may, as of mounted secrets', async (t) => {
  const path = join(folderOf(t), 'keys.json');
  await new SealKeys(path).rotate();
  chmodSync(path, 0o440);
  t.is(new SealKeys(path).publicKeys().keys.length, 1);
  for (const mode of [0o604, 0o444, 0o602]) {
    chmodSync(path, mode);
    t.throws(() => new SealKeys(path).publicKeys(), {
      message: `${path} can be read by others. Run: chmod 600 ${path}`,
    });
  }
});

test('a rotation leaves a file of keys to those who could read it', async (t) => {
  const folder = folderOf(t);
  const [sealing, signing] = [join(folder, 'seal.json'), join(folder, 'sign.json')];
  await new SealKeys(sealing).rotate();
  await createKeyFile(signing);
  // Only root may give a file to another user, or to a group that is not its own.
  const [own, groups] = [statSync(sealing), process.getgroups?.() ?? []];
  const [uid, gid] = own.uid === 0 ? [1, 1] : [own.uid, groups.find((id) => id !== own.gid) ?? own.gid];
  for (const path of [sealing, signing]) {
    chownSync(path, uid, gid);
    chmodSync(path, 0o640);
  }
  await new SealKeys(sealing).rotate();
  await rotateKeyFile(signing);
  for (const path of [sealing, signing]) {
    const { mode, ...stat } = statSync(path);
    t.deepEqual([mode & 0o777, stat.uid, stat.gid], [0o640, uid, gid]);
  }
});

test('a file of keys that cannot be read is told apart from one that is not there, or holds something else', async (t) => {
  const folder = folderOf(t);
  const signing = new SigningKeys(folder, { mayCreate: false });
  await t.throwsAsync(signing.published(), {
    message: `the signing keys in ${folder} cannot be read (EISDIR); check its path and permissions`,
  });
  const none = new SigningKeys(join(folder, 'none'), { mayCreate: false });
  await t.throwsAsync(none.published(), { message: /are not there; make some with `keys create`$/ });
  t.throws(() => new SealKeys(folder).signingKey(), {
    message: `SEAL_KEY_FILE (${folder}) cannot be read (EISDIR). Check its path and permissions.`,
  });
  const other = join(folder, 'other');
  writeFileSync(other, 'no JSON', { mode: 0o600 });
  t.throws(() => new SealKeys(other).signingKey(), {
    message: /is not a JWK set\. Check its path and content\.$/,
  });
});
