// The key sources of all issuers and clients, one each, made when they are first needed.
import { LRUCache } from 'lru-cache';
import type { Client } from '../domain/records/clients.ts';
import type { Issuer } from '../domain/records/issuers.ts';
import { type IssuerKeys, type IssuerKeysParts, issuerKeysOf } from './issuer-keys.ts';
import type { VerifyingKey } from './verifying-keys.ts';

const sourcesMax = 1_000;

/** The owner of keys: an issuer or a client. */
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
  held(issuer: KeyOwner): readonly VerifyingKey[] | undefined {
    return this.#sourceOf(issuer).held(issuer.keysStaleBefore);
  }

  current(issuer: KeyOwner): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).current(issuer.keysStaleBefore);
  }

  /** The keys as of `since`, an instant of `now`. */
  certain(issuer: KeyOwner, since?: number): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).certain(issuer.keysStaleBefore, since);
  }

  now(): number {
    return this.#parts.now();
  }

  /** The keys after an administrator wanted them fetched again. */
  fresh(issuer: KeyOwner): Promise<readonly VerifyingKey[]> {
    return this.#sourceOf(issuer).fresh(issuer.keysStaleBefore);
  }

  #sourceOf(keyed: KeyOwner): IssuerKeys {
    const seen = this.#seen.get(keyed);
    if (seen) return seen;
    const { issuer, keySource } = keyed;
    const id = JSON.stringify([issuer, keySource]);
    const source = this.#sources.get(id) ?? issuerKeysOf(issuer, keySource, this.#parts);
    this.#sources.set(id, source);
    this.#seen.set(keyed, source);
    return source;
  }
}
