// Issuers as verification needs them: remembered for less than a second, so that what an administrator
// changes in any process counts within one. Suspension is not read here: verdicts read it each time.
import { LRUCache } from 'lru-cache';
import type { Issuer } from '../domain/issuers.ts';
import type { Store } from '../domain/store.ts';

const rememberMs = 800;
const issuersMax = 1_000;
const issuerLengthMax = 512;

export class IssuerDirectory {
  readonly #store: Store;
  /** Absence is remembered too: strangers choose the names that are looked up. */
  readonly #issuers = new LRUCache<string, { readonly issuer: Issuer | undefined }>({
    max: issuersMax,
    ttl: rememberMs,
  });

  constructor(store: Store) {
    this.#store = store;
  }

  async find(name: string): Promise<Issuer | undefined> {
    if (name.length > issuerLengthMax || /[\p{Cc}\p{Cs}]/u.test(name)) return undefined;
    const known = this.#issuers.get(name);
    if (known) return known.issuer;
    const issuer = await this.#store.ask((facts) => facts.issuer(name));
    this.#issuers.set(name, { issuer });
    return issuer;
  }

  /** After a change made by this process. */
  forget(name: string): void {
    this.#issuers.delete(name);
  }
}
