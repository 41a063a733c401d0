// The key sources of all issuers and clients, one each, made when they are first needed.
import { LRUCache } from 'lru-cache';
import type { Client } from '../domain/records/clients.ts';
import type { Issuer } from '../domain/records/issuers.ts';
import { type IssuerKeys, type IssuerKeysParts, issuerKeysOf } from './issuer-keys.ts';
import type { VerifyingKey } from './verifying-keys.ts';

const sourcesMax = 1_000;

/** Whose keys they are: an issuer's or, as if it were one, a client's. */
export type KeyOwner = Pick<Issuer, 'issuer' | 'keySource' | 'keysStaleBefore'>;

/** Undefined if the client has no keys. */
export function ownerOf({ clientId, keys }: Client): KeyOwner | undefined {
  return keys ? { issuer: `client ${clientId}`, keySource: keys, keysStaleBefore: 0 } : undefined;
}

export class KeyRing {
  readonly #parts: IssuerKeysParts;
  readonly #sources = new LRUCache<string, IssuerKeys>({ max: sourcesMax });
  /** The same by record object, which saves most calls building the key. */
  readonly #seen = new WeakMap<KeyOwner, IssuerKeys>();

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts;
  }

  /** The same as `current` if nothing need be fetched for it; does not wait. */
  held(owner: KeyOwner): readonly VerifyingKey[] | undefined {
    return this.#sourceOf(owner).held(owner.keysStaleBefore);
  }

  current(owner: KeyOwner): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(owner).current(owner.keysStaleBefore);
  }

  /** The keys as of `since`, an instant of `now`. */
  certain(owner: KeyOwner, since?: number): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(owner).certain(owner.keysStaleBefore, since);
  }

  now(): number {
    return this.#parts.now();
  }

  /** The keys after an administrator wanted them fetched again. */
  fresh(owner: KeyOwner): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(owner).fresh(owner.keysStaleBefore);
  }

  #sourceOf(owner: KeyOwner): IssuerKeys {
    const seen = this.#seen.get(owner);
    if (seen) return seen;
    const { issuer, keySource } = owner;
    const id = JSON.stringify([issuer, keySource]);
    const source = this.#sources.get(id) ?? issuerKeysOf(issuer, keySource, this.#parts);
    this.#sources.set(id, source);
    this.#seen.set(owner, source);
    return source;
  }
}
