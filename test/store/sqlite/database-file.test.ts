// The files of a database that were deleted or replaced since it was opened.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DatabaseFile } from '../../../src/store/sqlite/database-file.ts';

async function replacedFile(t: ExecutionContext, clock: { now: number }): Promise<DatabaseFile> {
  const folder = await mkdtemp(join(tmpdir(), 'revocation-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
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
  const folder = await mkdtemp(join(tmpdir(), 'revocation-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
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
