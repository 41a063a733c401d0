// The key sources of all issuers, one each, made when they are first needed.
import { LRUCache } from 'lru-cache';
import type { Issuer } from '../domain/issuers.ts';
import type { VerifyingKey } from './key-set.ts';
import { KeySource, type KeySourceParts } from './key-source.ts';

const sourcesMax = 1_000;

type Named = Pick<Issuer, 'issuer' | 'keySource' | 'keysStaleBefore'>;

export class KeyRing {
  readonly #parts: KeySourceParts;
  readonly #sources = new LRUCache<string, KeySource>({ max: sourcesMax });

  constructor(parts: KeySourceParts) {
    this.#parts = parts;
  }

  current(issuer: Named): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).current(issuer.keysStaleBefore);
  }

  certain(issuer: Named): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).certain(issuer.keysStaleBefore);
  }

  /** The keys after an administrator wanted them fetched again. */
  fresh(issuer: Named): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).fresh(issuer.keysStaleBefore);
  }

  #sourceOf({ issuer, keySource }: Named): KeySource {
    const id = JSON.stringify([issuer, keySource]);
    const known = this.#sources.get(id);
    if (known) return known;
    const source = new KeySource(issuer, keySource, this.#parts);
    this.#sources.set(id, source);
    return source;
  }
}
