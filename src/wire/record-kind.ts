// Records of clients and of issuers: what the API and the command line do alike with both.
import type { Origin } from '../domain/audit.ts';
import type { Facts, Store } from '../domain/store.ts';

export interface RecordKind<Item> {
  /** The word for one record. */
  readonly noun: 'client' | 'issuer';
  readonly listAfter: (store: Store, after: string, limit: number) => Promise<Item[]>;
  readonly find: (facts: Facts, key: string) => Item | undefined;
  /** Suspends or resumes; undefined if there is no such record. */
  readonly setEnabled: (
    store: Store,
    origin: Origin,
    key: string,
    enabled: boolean,
  ) => Promise<Item | undefined>;
  readonly keyOf: (item: Item) => string;
  readonly toWire: (item: Item) => Record<string, unknown>;
}
