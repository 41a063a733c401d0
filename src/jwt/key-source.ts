// The keys of one issuer (or client): fetched, kept, and fetched again. A new key is found without a
// restart, and a key that left the set is soon forgotten; but nobody can make us fetch often, and while the
// issuer is down its last keys go on working for a day.
import { setTimeout as delay } from 'node:timers/promises';
import type { KeySource as Source } from '../domain/issuers.ts';
import { KeysUnavailable } from '../domain/known-token.ts';
import { FetchFailed, type FetchJson } from './fetch-json.ts';
import { readKeySet, type VerifyingKey } from './key-set.ts';

/** Between two attempts. */
const coolDownMs = 10_000;
/** The same where an absence has to be certain and the last attempt went well. */
const sureCoolDownMs = 1_000;
/** That a key is unknown is an answer only this long after a fetch began. */
const certainMs = 30_000;
/** After this, the set is fetched again although nothing seems to be missing from it. */
const freshMs = 300_000;
/** While the issuer is down. */
const lastingMs = 86_400_000;

export interface KeySourceParts {
  readonly fetchJson: FetchJson;
  readonly now: () => number;
  /** Told of each fetch that failed, with words for the operator. */
  readonly onFailure: (issuer: string, problem: string) => void;
  /** Told of each set that was fetched. */
  readonly onKeys: (issuer: string, keys: readonly VerifyingKey[]) => void;
}

interface Loaded {
  readonly keys: readonly VerifyingKey[];
  readonly at: number;
  /** When its fetch began. */
  readonly since: number;
  /** The wish for fresh keys that this load fulfilled. */
  readonly mark: number;
}

export class KeySource {
  readonly #name: string;
  readonly #source: Source;
  readonly #parts: KeySourceParts;
  #loaded: Loaded | undefined;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #loading: Promise<void> | undefined;

  constructor(name: string, source: Source, parts: KeySourceParts) {
    this.#name = name;
    this.#source = source;
    this.#parts = parts;
  }

  /** What `current` would resolve to, if it would not fetch. */
  held(mark: number): readonly VerifyingKey[] | undefined {
    return this.#isFresh(mark) && this.#isUsable() ? this.#loaded?.keys : undefined;
  }

  /**
   * The keys now held. `mark` changes when an administrator wants them fetched again. Rejects with
   * `KeysUnavailable` when there are none that may still be used.
   */
  async current(mark: number): Promise<readonly VerifyingKey[]> {
    if (!this.#isFresh(mark)) {
      const loading = this.#load(mark);
      // In an outage the keys at hand are used at once: nobody waits for one time-out after another.
      if (!this.#hasFailed || !this.#isUsable()) await loading;
    }
    if (!this.#loaded || !this.#isUsable()) throw this.#unavailable();
    return this.#loaded.keys;
  }

  /**
   * The keys after a key was missing from `current`, asked for at `since` or later; by default so lately that its
   * absence is nearly certain. Who must be certain waits a moment for it. Rejects with `KeysUnavailable` otherwise.
   */
  async certain(mark: number, since = this.#parts.now() - certainMs): Promise<readonly VerifyingKey[]> {
    if (!this.#isAsOf(since)) await this.#load(mark);
    if (!this.#isAsOf(since) && !this.#hasFailed) {
      await delay(Math.max(0, this.#attemptedAt + sureCoolDownMs - this.#parts.now()));
      if (!this.#isAsOf(since)) await this.#load(mark, sureCoolDownMs);
    }
    if (!this.#loaded || !this.#isAsOf(since)) throw this.#unavailable();
    return this.#loaded.keys;
  }

  /** The keys as fetched since `mark` was set; rejects with `KeysUnavailable` when that failed. */
  async fresh(mark: number): Promise<readonly VerifyingKey[]> {
    if (!this.#isFresh(mark)) await this.#load(mark);
    if (!this.#loaded || !this.#isFresh(mark)) throw this.#unavailable();
    return this.#loaded.keys;
  }

  #isFresh(mark: number): boolean {
    if (this.#loaded === undefined) return false;
    return this.#source.kind === 'jwks' || (this.#age() <= freshMs && this.#loaded.mark >= mark);
  }

  #isUsable(): boolean {
    return this.#loaded !== undefined && (this.#source.kind === 'jwks' || this.#age() <= lastingMs);
  }

  #isAsOf(since: number): boolean {
    return this.#loaded !== undefined && (this.#source.kind === 'jwks' || this.#loaded.since >= since);
  }

  #age(): number {
    return this.#parts.now() - (this.#loaded?.at ?? Number.NEGATIVE_INFINITY);
  }

  #unavailable(): KeysUnavailable {
    const waitMs = this.#attemptedAt + coolDownMs - this.#parts.now();
    const seconds = Math.min(Math.max(1, Math.ceil(waitMs / 1000)), coolDownMs / 1000);
    return new KeysUnavailable(`the keys of ${this.#name} cannot be had`, seconds);
  }

  /** At most one fetch at a time, and none within the cool-down. Never rejects. */
  #load(mark: number, betweenMs = coolDownMs): Promise<void> {
    if (this.#loading) return this.#loading;
    const { now, onKeys, onFailure } = this.#parts;
    if (this.#source.kind !== 'jwks' && now() - this.#attemptedAt < betweenMs) return Promise.resolve();
    const since = now();
    this.#attemptedAt = since;
    this.#loading = this.#fetch()
      .then((keys) => {
        this.#loaded = { keys, at: now(), since, mark };
        this.#hasFailed = false;
        onKeys(this.#name, keys);
      })
      .catch((error: Error) => {
        this.#hasFailed = true;
        onFailure(this.#name, error.message);
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  async #fetch(): Promise<VerifyingKey[]> {
    switch (this.#source.kind) {
      case 'jwks':
        return readKeySet({ keys: this.#source.keys });
      case 'jwks_uri':
        return this.#fetchKeys(this.#source.uri);
      case 'discovery':
        return this.#fetchKeys(await this.#discover());
      default:
        return this.#source satisfies never;
    }
  }

  async #fetchKeys(uri: string): Promise<VerifyingKey[]> {
    const keys = await readKeySet(await this.#parts.fetchJson(uri));
    if (keys.length === 0) throw new FetchFailed('the key set holds no key that can verify');
    return keys;
  }

  /** OpenID Connect Discovery §4, then RFC 8414 §3: the document must be about this very issuer. */
  async #discover(): Promise<string> {
    let failure: unknown;
    for (const url of discoveryUrls(this.#name)) {
      try {
        const document = (await this.#parts.fetchJson(url)) as Record<string, unknown> | null;
        if (document?.issuer !== this.#name) throw new FetchFailed('the metadata is about another issuer');
        const uri = document.jwks_uri;
        if (typeof uri !== 'string' || !URL.canParse(uri))
          throw new FetchFailed('the metadata has no jwks_uri');
        const isSafe = uri.startsWith('https:') || (uri.startsWith('http:') && url.startsWith('http:'));
        if (!isSafe) throw new FetchFailed('the jwks_uri of the metadata is not https');
        return uri;
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }
}

function discoveryUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}
