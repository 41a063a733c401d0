// Clients as authentication needs them: remembered for less than a second, so that what an administrator
// changes in any process counts within one. Verdicts never use this: what they know of suspensions is exact.
import { type Client, clientIdSyntax } from '../../domain/records/clients.ts';
import type { Store } from '../../domain/store.ts';
import { ShortMemory } from '../../short-memory.ts';

const clientsMax = 10_000;
/** The key of the single list of origins. */
const allOrigins = '';

export class ClientDirectory {
  readonly #store: Store;
  readonly #clients: ShortMemory<Client>;
  readonly #origins: ShortMemory<ReadonlySet<string>>;

  /** `isShared`: other workers of this server have a directory, too. */
  constructor(store: Store, isShared: boolean) {
    this.#store = store;
    this.#clients = new ShortMemory({ max: clientsMax, isShared });
    this.#origins = new ShortMemory({ max: 1, isShared });
  }

  /** The client, if it is remembered; does not wait. */
  recall(clientId: string): Client | undefined {
    return this.#clients.recall(clientId);
  }

  async find(clientId: string): Promise<Client | undefined> {
    if (!clientIdSyntax.test(clientId)) return undefined;
    // Strangers choose these names, so only names that were found before go to the `vouched` line.
    return this.#clients.find(clientId, (before) =>
      this.#store.ask((facts) => facts.client(clientId), before ? 'vouched' : 'unvouched'),
    );
  }

  /** Call after a change made here; resolves when the change counts in every worker of this server. */
  async forget(clientId: string): Promise<void> {
    await Promise.all([this.#clients.forget(clientId), this.#origins.forget(allOrigins)]);
  }

  /** Does some enabled client list this browser origin? While the store fails, the last answer stands. */
  async allowsOrigin(origin: string): Promise<boolean> {
    // A failure of the store is left to the request itself, whose error the browser should be able to read.
    const read = (before: ReadonlySet<string> | undefined) => this.#store.listOrigins().catch(() => before);
    const origins = await this.#origins.find(allOrigins, read);
    return origins?.has(origin) ?? false;
  }
}
