// Clients as authentication needs them: remembered for less than a second, so that what an administrator
// changes in any process counts within one. Verdicts never use this: they read suspensions each time.
import { LRUCache } from 'lru-cache';
import { type Client, clientIdSyntax } from '../domain/clients.ts';
import type { Store } from '../domain/store.ts';

const rememberMs = 800;
const clientsMax = 10_000;

export class ClientDirectory {
  readonly #store: Store;
  readonly #clients = new LRUCache<string, Client>({ max: clientsMax, ttl: rememberMs });
  #origins: ReadonlySet<string> = new Set();
  #originsReadAt = Number.NEGATIVE_INFINITY;

  constructor(store: Store) {
    this.#store = store;
  }

  async find(clientId: string): Promise<Client | undefined> {
    const known = this.#clients.get(clientId);
    if (known) return known;
    if (!clientIdSyntax.test(clientId)) return undefined;
    const client = await this.#store.ask((facts) => facts.client(clientId));
    if (client) this.#clients.set(clientId, client);
    return client;
  }

  /** After a change made by this process. */
  forget(clientId: string): void {
    this.#clients.delete(clientId);
    this.#originsReadAt = Number.NEGATIVE_INFINITY;
  }

  /** Does some enabled client list this browser origin? While the store fails, the last answer stands. */
  async allowsOrigin(origin: string): Promise<boolean> {
    if (performance.now() - this.#originsReadAt > rememberMs) {
      try {
        this.#origins = await this.#store.listOrigins();
        this.#originsReadAt = performance.now();
      } catch {
        // The request itself will meet the same failure; its error should be readable by the browser.
      }
    }
    return this.#origins.has(origin);
  }
}
