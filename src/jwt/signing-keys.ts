// Our own signing keys, in one file that no stranger can read: for each algorithm the key in use, its successor
// (published before it is used), and its predecessor (published until the next rotation). The file is read again when
// it has changed.
import { readFile, stat } from 'node:fs/promises';
import type { JWK } from 'jose';
import { type SigningAlgorithm, signingAlgorithms } from '../domain/records/clients.ts';
import { changePrivateFile, createPrivateFile, newPrivateKey, problemOfMode } from '../private-file.ts';

type Role = 'previous' | 'current' | 'next';

interface StoredKey {
  readonly role: Role;
  readonly alg: SigningAlgorithm;
  readonly jwk: JWK;
}

/** The text is for the operator's log: it names the file, and says what to do. */
export class SigningKeysUnusable extends Error {
  override readonly name = 'SigningKeysUnusable';
}

function unreadable(path: string, { code }: NodeJS.ErrnoException): SigningKeysUnusable {
  return new SigningKeysUnusable(
    code === 'ENOENT'
      ? `the signing keys in ${path} are not there; make some with \`keys create\``
      : `the signing keys in ${path} cannot be read (${code}); check its path and permissions`,
  );
}

const recheckMs = 1_000;

export class SigningKeys {
  readonly #path: string;
  readonly #mayCreate: boolean;
  #keys: readonly StoredKey[] | undefined;
  #version = '';
  #checkedAt = Number.NEGATIVE_INFINITY;

  /** `mayCreate`: a missing file is created. */
  constructor(path: string, { mayCreate }: { mayCreate: boolean }) {
    this.#path = path;
    this.#mayCreate = mayCreate;
  }

  /** The key in use, with its private part. */
  async current(alg: SigningAlgorithm): Promise<JWK> {
    const keys = await this.#load();
    const found = keys.find((key) => key.alg === alg && key.role === 'current');
    if (!found) throw new SigningKeysUnusable(`there is no current ${alg} key`);
    return found.jwk;
  }

  /** The public keys, the next one included. */
  async published(): Promise<JWK[]> {
    return (await this.#load()).map(({ alg, jwk }) => publicPartOf(jwk, alg));
  }

  /** The same, each with its role, for the operator. */
  async listed(): Promise<(JWK & { role: Role })[]> {
    return (await this.#load()).map(({ role, alg, jwk }) => ({ role, ...publicPartOf(jwk, alg) }));
  }

  async #load(): Promise<readonly StoredKey[]> {
    if (this.#keys && performance.now() - this.#checkedAt < recheckMs) return this.#keys;
    if (this.#mayCreate) await createKeyFile(this.#path);
    const { mtimeMs, size } = await stat(this.#path).catch((error) => {
      throw unreadable(this.#path, error);
    });
    const version = `${mtimeMs} ${size}`;
    if (version !== this.#version || !this.#keys) {
      this.#keys = await readKeyFile(this.#path);
      this.#version = version;
    }
    this.#checkedAt = performance.now();
    return this.#keys;
  }
}

/** Creates the file unless it exists; of several processes one wins. Resolves to whether this one did. */
export async function createKeyFile(path: string): Promise<boolean> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return false;
  const made = signingAlgorithms.flatMap((alg) => [newKey(alg, 'current'), newKey(alg, 'next')]);
  return createPrivateFile(path, { keys: await Promise.all(made) });
}

/** The next key comes into use, a new next one is published. */
export async function rotateKeyFile(path: string): Promise<void> {
  const next = await Promise.all(signingAlgorithms.map((alg) => newKey(alg, 'next')));
  const after: Record<Role, Role | null> = { previous: null, current: 'previous', next: 'current' };
  await changePrivateFile(path, async () => {
    const moved = (await readKeyFile(path)).flatMap((key): StoredKey[] => {
      const role = after[key.role];
      return role === null ? [] : [{ ...key, role }];
    });
    return { keys: [...moved, ...next] };
  });
}

async function newKey(alg: SigningAlgorithm, role: Role): Promise<StoredKey> {
  return { role, alg, jwk: await newPrivateKey(alg) };
}

async function readKeyFile(path: string): Promise<StoredKey[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw unreadable(path, error);
  });
  const keys = parseKeys(text);
  if (!keys) throw new SigningKeysUnusable(`${path} is not a file that \`keys create\` made`);
  const problem = problemOfMode(path, (await stat(path)).mode);
  if (problem) throw new SigningKeysUnusable(problem);
  return keys;
}

/** Undefined if it is no such file, or lacks a key that is in use. */
function parseKeys(text: string): StoredKey[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys: StoredKey[] };
    const isWhole = signingAlgorithms.every((alg) =>
      keys.some((key) => key.alg === alg && key.role === 'current' && typeof key.jwk.kid === 'string'),
    );
    return isWhole ? keys : undefined;
  } catch {
    return undefined;
  }
}

function publicPartOf({ kty, n, e, crv, x, y, kid }: JWK, alg: SigningAlgorithm): JWK {
  return kty === 'RSA'
    ? ({ kty, n, e, kid, alg, use: 'sig' } as JWK)
    : ({ kty, crv, x, y, kid, alg, use: 'sig' } as JWK);
}
