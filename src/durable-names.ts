// A file that is on disk is lost all the same if its name is not: names are durable when the folder they are in is, and
// so is a folder that was made. Some file systems cannot sync a folder, and some folders cannot be opened: what cannot
// be done is left to the file system, what fails is told.
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const failures: readonly (string | undefined)[] = ['EIO', 'ENOSPC', 'EDQUOT'];

/** Makes the folder of `path`, and those above it, where they are missing. */
export function makeFolderOf(path: string, mode?: number): void {
  const folder = dirname(resolve(path));
  const first = mkdirSync(folder, { recursive: true, mode });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) keepName(made);
}

/** Makes the name of what is at `path` durable; its content is for others to sync. */
export function keepName(path: string): void {
  let folder: number | undefined;
  try {
    folder = openSync(dirname(realpathSync(path)), 'r');
    fsyncSync(folder);
  } catch (error) {
    if (failures.includes((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    if (folder !== undefined) closeSync(folder);
  }
}
