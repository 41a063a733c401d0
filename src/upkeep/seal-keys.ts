// The key that signs seals: an Ed25519 key in a file of its own, never in a database, as anyone who could read it
// there could write another history. The file is a JWK set: the key in use first, with its private part, then the
// public parts of earlier keys, which stay as long as there are seals signed by them.
import { readFileSync, statSync } from 'node:fs';
import type { JSONWebKeySet, JWK } from 'jose';
import { digestOf } from '../domain/claims.ts';
import { changePrivateFile, createPrivateFile, newPrivateKey, problemOfMode } from '../private-file.ts';

class UnusableSealKey extends Error {
  override readonly name = 'UnusableSealKey';
}

export class SealKeys {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The signing key; read each time, so that a rotation counts at once. */
  signingKey(): JWK {
    const set = this.#read();
    const key = set?.keys[0];
    if (!key?.d) {
      const problem = set ? 'holds no signing key' : 'is not there';
      throw new UnusableSealKey(
        `SEAL_KEY_FILE (${this.path}) ${problem}. Correct the setting or, for a first key: npm run -s cli -- audit rotate-key`,
      );
    }
    return key;
  }

  publicKeys(): JSONWebKeySet {
    return { keys: (this.#read()?.keys ?? []).map(toPublic) };
  }

  get exists(): boolean {
    return this.#read() !== undefined;
  }

  /** Makes the pseudonyms of erased persons, which readers of the database cannot recompute. */
  pseudonymKey(): string {
    return digestOf(`pseudonyms\0${this.signingKey().d}`);
  }

  /** Makes the first key where there is no file; of several processes one wins. */
  async makeFirst(): Promise<void> {
    if (!this.exists) await createPrivateFile(this.path, { keys: [await newKey()] });
  }

  /** Makes a key and retires the one in use, if any, whose public part stays. */
  async rotate(): Promise<JWK> {
    const key = await newKey();
    if (!(await createPrivateFile(this.path, { keys: [key] })))
      await changePrivateFile(this.path, async () => ({ keys: [key, ...this.publicKeys().keys] }));
    return toPublic(key);
  }

  #read(): JSONWebKeySet | undefined {
    try {
      const { mode } = statSync(this.path);
      const set = JSON.parse(readFileSync(this.path, 'utf8')) as JSONWebKeySet;
      if (!Array.isArray(set.keys))
        throw new UnusableSealKey(`SEAL_KEY_FILE (${this.path}) is not a JWK set`);
      const problem = problemOfMode(this.path, mode);
      if (problem) throw new UnusableSealKey(problem);
      return set;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (error instanceof UnusableSealKey) throw error;
      const problem =
        code === undefined
          ? 'is not a JWK set. Check its path and content.'
          : `cannot be read (${code}). Check its path and permissions.`;
      throw new UnusableSealKey(`SEAL_KEY_FILE (${this.path}) ${problem}`);
    }
  }
}

async function newKey(): Promise<JWK> {
  return { ...(await newPrivateKey('EdDSA')), alg: 'EdDSA', use: 'sig' };
}

export function toPublic({ d: _, ...key }: JWK): JWK {
  return key;
}
