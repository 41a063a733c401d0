// The files of a database that were deleted or replaced since it was opened.
import { link, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { StoreUnavailable } from '../../../src/domain/store-errors.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { migrateUp } from '../../../src/store/migrate.ts';
import { openStore } from '../../../src/store/open.ts';
import { DatabaseFile } from '../../../src/store/sqlite/database-file.ts';
import { folderOf } from '../../helpers/folders.ts';

async function replacedFile(t: ExecutionContext, clock: { now: number }): Promise<DatabaseFile> {
  const folder = folderOf(t);
  const [path, other] = [join(folder, 'a'), join(folder, 'b')];
  await writeFile(path, '');
  await writeFile(other, '');
  const file = new DatabaseFile(path, () => clock.now);
  t.true(file.isInPlace());
  await rename(other, path);
  return file;
}

test('that a file was replaced is noticed as late as the question allows', async (t) => {
  const clock = { now: 0 };
  const file = await replacedFile(t, clock);
  clock.now = 100;
  t.true(file.isInPlace(100));
  clock.now = 101;
  t.false(file.isInPlace(100));
});

test('that a file was replaced is noticed at once where the question allows no age', async (t) => {
  const clock = { now: 0 };
  const file = await replacedFile(t, clock);
  clock.now = 1;
  t.false(file.isInPlace());
});

test('that the log or its index was deleted or replaced is noticed as well, and that there was none yet is not', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'a');
  await writeFile(path, '');
  for (const suffix of ['-wal', '-shm']) {
    const clock = { now: 0 };
    const file = new DatabaseFile(path, () => clock.now++);
    t.true(file.isInPlace(), 'before there is one');
    await writeFile(`${path}${suffix}`, '');
    t.true(file.isInPlace());
    // While the first is there: its inode is not given to another, as it is not while a database is open.
    await writeFile(join(folder, 'other'), '');
    await rm(`${path}${suffix}`);
    t.false(file.isInPlace(), suffix);
    await rename(join(folder, 'other'), `${path}${suffix}`);
    t.false(file.isInPlace(), `another ${suffix}`);
  }
});

test('behind a symbolic link, the log that lies beside the file itself is looked at, and a link that leads elsewhere is noticed', async (t) => {
  const folder = folderOf(t);
  const [path, file, other] = [join(folder, 'link'), join(folder, 'file'), join(folder, 'other')];
  for (const made of [file, `${file}-wal`, other]) await writeFile(made, '');
  const clock = { now: 0 };
  const open = async () => {
    await rm(path, { force: true });
    await symlink(file, path);
    const opened = new DatabaseFile(path, () => clock.now++);
    t.true(opened.isInPlace());
    return opened;
  };
  const led = await open();
  await rm(path);
  await symlink(other, path);
  t.false(led.isInPlace());
  const logged = await open();
  await rm(`${file}-wal`);
  t.false(logged.isInPlace());
});

test('through a symbolic link a database is made for its owner alone, and its locks are those of the file', async (t) => {
  const folder = folderOf(t);
  await symlink('file', join(folder, 'link'));
  await migrateUp(`sqlite:${join(folder, 'link')}`);
  t.deepEqual((await readdir(folder)).sort(), ['file', 'file-migrate', 'link']);
  t.is(((await stat(join(folder, 'file'))).mode & 0o777).toString(8), '600');
  t.true(dialectOf(`sqlite:${join(folder, 'link')}`).takeServerLock());
  t.false(dialectOf(`sqlite:${join(folder, 'file')}`).takeServerLock());
});

test('while the file is moved away nothing is made in its place, and it is used as soon as it is back', async (t) => {
  const folder = folderOf(t);
  const [path, elsewhere] = [join(folder, 'file'), join(folder, 'elsewhere')];
  const url = `sqlite:${path}`;
  await migrateUp(url);
  await rename(path, elsewhere);
  const store = openStore(url);
  t.teardown(() => store.close());
  const ask = () => store.ask(() => 'answered');
  const write = () => store.write(() => ({ outcome: 'written', effects: {} }));
  for (const work of [ask, write]) {
    const error = await t.throwsAsync(work(), { instanceOf: StoreUnavailable });
    t.like(error?.cause, { code: 'NO_DATABASE' });
  }
  t.deepEqual((await readdir(folder)).sort(), ['elsewhere', 'file-migrate']);
  await rename(elsewhere, path);
  t.is(await ask(), 'answered');
  t.is(await write(), 'written');
});

test('a file with a second name is not opened, as each name would have a log of its own', async (t) => {
  const folder = folderOf(t);
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  await migrateUp(`sqlite:${one}`);
  await link(one, two);
  for (const path of [one, two]) {
    await t.throwsAsync(migrateUp(`sqlite:${path}`), { code: 'SEVERAL_NAMES' });
    const writer = dialectOf(`sqlite:${path}`).openWriter();
    await t.throwsAsync(writer.raw('select 1'), { code: 'SEVERAL_NAMES' });
    await writer.destroy();
  }
  await rm(two);
  t.deepEqual(await migrateUp(`sqlite:${one}`), []);
});
