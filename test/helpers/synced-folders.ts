// Watches which folders are synced, as the disk would see it. It changes node:fs for the whole worker: tests that use it
// stand in a file of their own and are serial.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { ExecutionContext } from 'ava';

interface Watched {
  /** In order. */
  readonly synced: string[];
  /** The code with which each sync of a folder fails. */
  failsWith?: string;
}

export function watchFolders(t: ExecutionContext): Watched {
  const { openSync, fsyncSync } = fs;
  const paths = new Map<number, string>();
  const watched: Watched = { synced: [] };
  fs.openSync = (path, ...rest) => {
    const descriptor = openSync(path, ...rest);
    paths.set(descriptor, String(path));
    return descriptor;
  };
  fs.fsyncSync = (descriptor) => {
    fsyncSync(descriptor);
    if (!fs.fstatSync(descriptor).isDirectory()) return;
    watched.synced.push(paths.get(descriptor) as string);
    const { failsWith: code } = watched;
    if (code !== undefined) throw Object.assign(new Error(code), { code });
  };
  syncBuiltinESMExports();
  t.teardown(() => {
    Object.assign(fs, { openSync, fsyncSync });
    syncBuiltinESMExports();
  });
  return watched;
}
