// Clients as authentication needs them: remembered for less than a second, so that what an administrator
// changes in any process counts within one. Verdicts never use this: what they know of suspensions is exact.
import { type Client, clientIdSyntax } from '../domain/clients.ts';
import type { Store } from '../domain/store.ts';
import { rememberMs, ShortMemory } from '../short-memory.ts';

const clientsMax = 10_000;

export class ClientDirectory {
  readonly #store: Store;
  readonly #clients: ShortMemory<Client>;
  #origins: ReadonlySet<string> = new Set();
  #originsReadAt = Number.NEGATIVE_INFINITY;

  /** `isShared`: other workers of this server have a directory, too. */
  constructor(store: Store, isShared: boolean) {
    this.#store = store;
    this.#clients = new ShortMemory({ max: clientsMax, isShared });
  }

  async find(clientId: string): Promise<Client | undefined> {
    if (!clientIdSyntax.test(clientId)) return undefined;
    // Strangers choose the names that are looked up: only those that were found before are vouched for.
    return this.#clients.find(clientId, (before) =>
      this.#store.ask((facts) => facts.client(clientId), before ? 'vouched' : 'unvouched'),
    );
  }

  /** After a change made here; resolves when it counts in every worker of this server. */
  forget(clientId: string): Promise<void> {
    this.#originsReadAt = Number.NEGATIVE_INFINITY;
    return this.#clients.forget(clientId);
  }

  /** Does some enabled client list this browser origin? While the store fails, the last answer stands. */
  async allowsOrigin(origin: string): Promise<boolean> {
    const now = performance.now();
    if (now - this.#originsReadAt > rememberMs) {
      try {
        this.#origins = await this.#store.listOrigins();
        this.#originsReadAt = now;
      } catch {
        // The request itself will meet the same failure; its error should be readable by the browser.
      }
    }
    return this.#origins.has(origin);
  }
}
