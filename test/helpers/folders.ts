// Folders for what tests write. They are real paths, as the server sees them.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** Gone when the test ends. */
export function folderOf(t: ExecutionContext): string {
  const { folder, remove } = newFolder();
  t.teardown(remove);
  return folder;
}

/** For all tests of a file: gone when their process ends. */
export function sharedFolder(): string {
  const { folder, remove } = newFolder();
  process.on('exit', remove);
  return folder;
}

function newFolder() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'revocation-test-')));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
