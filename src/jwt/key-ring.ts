// The key sources of all issuers, one each, made when they are first needed.
import { LRUCache } from 'lru-cache';
import type { Issuer } from '../domain/issuers.ts';
import type { VerifyingKey } from './key-set.ts';
import { type KeySource, type KeySourceParts, keySourceOf } from './key-source.ts';

const sourcesMax = 1_000;

/** The owner of keys: an issuer or a client. */
export type Keyed = Pick<Issuer, 'issuer' | 'keySource' | 'keysStaleBefore'>;

export class KeyRing {
  readonly #parts: KeySourceParts;
  readonly #sources = new LRUCache<string, KeySource>({ max: sourcesMax });
  /** The same by record object, which saves most calls building the key. */
  readonly #seen = new WeakMap<Keyed, KeySource>();

  constructor(parts: KeySourceParts) {
    this.#parts = parts;
  }

  /** The same as `current` if nothing need be fetched for it; does not wait. */
  held(issuer: Keyed): readonly VerifyingKey[] | undefined {
    return this.#sourceOf(issuer).held(issuer.keysStaleBefore);
  }

  current(issuer: Keyed): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).current(issuer.keysStaleBefore);
  }

  /** The keys as of `since`, an instant of `now`. */
  certain(issuer: Keyed, since?: number): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).certain(issuer.keysStaleBefore, since);
  }

  now(): number {
    return this.#parts.now();
  }

  /** The keys after an administrator wanted them fetched again. */
  fresh(issuer: Keyed): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).fresh(issuer.keysStaleBefore);
  }

  #sourceOf(keyed: Keyed): KeySource {
    const seen = this.#seen.get(keyed);
    if (seen) return seen;
    const { issuer, keySource } = keyed;
    const id = JSON.stringify([issuer, keySource]);
    const source = this.#sources.get(id) ?? keySourceOf(issuer, keySource, this.#parts);
    this.#sources.set(id, source);
    this.#seen.set(keyed, source);
    return source;
  }
}
