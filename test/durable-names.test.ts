// What a power loss would take with its folder: the database, the files of keys, and the file of seals. A folder that was
// made is durable when the one it is in has been synced, and a file when its own has.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { exportCommand } from '../src/cli/audit-export.ts';
import { createKeyFile, rotateKeyFile } from '../src/jwt/signing-keys.ts';
import { migrateUp } from '../src/store/migrate.ts';
import { openStore, takeServerPlace } from '../src/store/open.ts';
import { SealKeys } from '../src/upkeep/seal-keys.ts';
import { sealAndSend } from '../src/upkeep/trail-work.ts';
import { folderOf } from './helpers/folders.ts';
import { watchFolders } from './helpers/synced-folders.ts';
import { appendLogouts, issuer } from './helpers/trail.ts';

test.serial('the folders that are made for a database are durable before it is', async (t) => {
  const folder = folderOf(t);
  const { synced } = watchFolders(t);
  await migrateUp(`sqlite:${join(folder, 'a', 'b', 'new.sqlite')}`);
  t.deepEqual(synced, [join(folder, 'a'), folder]);
});

test.serial('a log that was deleted does not come back under a server that starts', async (t) => {
  const folder = folderOf(t);
  const url = `sqlite:${join(folder, 'new.sqlite')}`;
  await migrateUp(url);
  const { synced } = watchFolders(t);
  t.true(takeServerPlace(url));
  t.deepEqual(synced, [folder]);
});

test.serial('files of keys are durable when they are made and when they are changed', async (t) => {
  const folder = folderOf(t);
  const [sealing, signing] = [join(folder, 'a', 'b', 'seal.json'), join(folder, 'c', 'sign.json')];
  const { synced } = watchFolders(t);
  await new SealKeys(sealing).rotate();
  t.deepEqual(synced.splice(0), [join(folder, 'a'), folder, join(folder, 'a', 'b')]);
  await new SealKeys(sealing).rotate();
  t.deepEqual(synced.splice(0), [join(folder, 'a', 'b')]);
  await createKeyFile(signing);
  t.deepEqual(synced.splice(0), [folder, join(folder, 'c')]);
  await rotateKeyFile(signing);
  t.deepEqual(synced, [join(folder, 'c')]);
});

test.serial('that a key could not be made durable is said', async (t) => {
  const path = join(folderOf(t), 'seal.json');
  watchFolders(t).failsWith = 'EIO';
  await t.throwsAsync(new SealKeys(path).rotate(), { code: 'EIO' });
});

test.serial('a file system that cannot sync folders is used all the same', async (t) => {
  const path = join(folderOf(t), 'a', 'seal.json');
  const folders = watchFolders(t);
  folders.failsWith = 'EINVAL';
  const { kid } = await new SealKeys(path).rotate();
  t.is(new SealKeys(path).signingKey().kid, kid);
  t.is(folders.synced.length, 2);
});

test.serial('an export that was written to a file is durable', async (t) => {
  const folder = folderOf(t);
  const url = `sqlite:${join(folder, 'db.sqlite')}`;
  await migrateUp(url);
  const out = join(folder, 'a', 'trail.ndjson');
  mkdirSync(join(folder, 'a'));
  const given = {
    env: { DATABASE_URL: url },
    argv: [],
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  };
  const { synced } = watchFolders(t);
  const command = exportCommand(given as unknown as NodeJS.Process);
  await command.parseAsync(['--out', out], { from: 'user' });
  t.true(existsSync(out));
  t.deepEqual(synced, [join(folder, 'a')]);
});

test.serial('a seal counts as sent when the file it went to is durable, name included', async (t) => {
  const folder = folderOf(t);
  const url = `sqlite:${join(folder, 'db.sqlite')}`;
  await migrateUp(url);
  const store = openStore(url);
  t.teardown(() => store.close());
  await appendLogouts(store, 3);
  const sealFile = join(folder, 'seals.txt');
  const files = { sealKeyFile: join(folder, 'seal.json'), sealFile, sealWebhookUrl: null };
  await new SealKeys(files.sealKeyFile).makeFirst();
  const send = () => sealAndSend(store, { publicUrl: issuer, production: true, ...files }, { now: Date.now });
  const folders = watchFolders(t);
  folders.failsWith = 'EIO';
  await t.throwsAsync(send(), { code: 'EIO' });
  t.is(await store.upkeep.readNote('seal_file_sent'), 0);
  t.is(readFileSync(sealFile, 'utf8'), '');

  delete folders.failsWith;
  folders.synced.length = 0;
  await send();
  t.deepEqual(folders.synced, [folder]);
  t.is(await store.upkeep.readNote('seal_file_sent'), 1);
});
