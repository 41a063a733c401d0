// Files that hold private keys: only their owner can read them, and each is there whole or not at all.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes JSON to `path` unless a file is there; of several processes one wins. Resolves to whether this one did. */
export async function createPrivateFile(path: string, value: object): Promise<boolean> {
  const temporary = await writeBeside(path, value);
  try {
    await link(temporary, path);
    await keepNames(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes JSON to `path`, whatever is there. */
export async function replacePrivateFile(path: string, value: object): Promise<void> {
  const temporary = await writeBeside(path, value);
  try {
    await rename(temporary, path);
    await keepNames(path);
  } finally {
    // Where it could not be renamed: no key is left lying about.
    await rm(temporary, { force: true });
  }
}

/** Resolves to a new file in the folder of `path`, which is made where it is missing. */
async function writeBeside(path: string, value: object): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
  return temporary;
}

/** A name is durable when its folder is: what a key has signed must not outlive it. Some file systems cannot do it. */
async function keepNames(path: string): Promise<void> {
  const folder = await open(dirname(path)).catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
