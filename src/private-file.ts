// Files that hold private keys: only their owner can read them, and each is there whole or not at all.
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes JSON to a new file beside `path`, whose folder is made where it is missing. Resolves to the new file's path, from
 * where it is to be renamed, or linked, to `path`.
 */
export async function writeBeside(path: string, value: object): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  const text = `${JSON.stringify(value, null, 2)}\n`;
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
  return temporary;
}
