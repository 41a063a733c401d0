// Files that hold private keys: they are made so that only their owner can read them, and each is there whole or not at
// all. When a call has resolved it is durable: what a key has signed must not outlive it.
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { keepName, makeFolderOf } from './durable-names.ts';

/**
 * Writes JSON to `path`, in a folder that is made where it is missing, unless a file is there; of several processes one
 * wins. Resolves to whether this one did.
 */
export async function createPrivateFile(path: string, value: object): Promise<boolean> {
  makeFolderOf(path);
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, toText(value), { mode: 0o600, flag: 'wx', flush: true });
    await link(temporary, path);
    keepName(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Why a file of this mode is not used. A mounted secret may well be readable by a group that is ours alone. */
export function problemOfMode(path: string, mode: number): string | undefined {
  return (mode & 0o007) === 0 ? undefined : `${path} can be read by others. Run: chmod 600 ${path}`;
}

/** A new key pair for such a file, named by its RFC 7638 thumbprint. */
export async function newPrivateKey(alg: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk) };
}

class BeingChanged extends Error {
  override readonly name = 'BeingChanged';
}

/**
 * Writes to `path` the JSON that `change` makes of what is there. One process at a time: the file in which it is
 * prepared is made before `change` reads, and is there until all is done.
 */
export async function changePrivateFile(path: string, change: () => Promise<object>): Promise<void> {
  const next = `${path}.next`;
  const file = await open(next, 'wx', 0o600).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
    throw new BeingChanged(`${path} is being changed. If nobody does, that was cut short: remove ${next}`);
  });
  try {
    await file.writeFile(toText(await change()));
    await keepReaders(file, path);
    await file.sync();
    await rename(next, path);
  } catch (error) {
    // No key is left lying about.
    await rm(next);
    throw error;
  } finally {
    await file.close();
  }
  keepName(path);
}

/**
 * Lets those read `next` who may read the file at `path`: a server may run as another user than who rotates its keys. Not
 * its group where this user cannot give `next` to that one: another group would read it then.
 */
async function keepReaders(next: FileHandle, path: string): Promise<void> {
  const { uid, gid, mode } = await stat(path);
  const give = (owner: number) =>
    next.chown(owner, gid).then(
      () => true,
      () => false,
    );
  if ((await give(uid)) || (await give(unchanged))) await next.chmod(mode & 0o770);
}

/** As an owner (chown(2)). */
const unchanged = -1;

function toText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
