// Issuers as verification needs them: remembered for less than a second, so that what an administrator
// changes in any process counts within one. Suspension is not read here: verdicts read it each time.
import type { Issuer } from '../domain/records/issuers.ts';
import type { Store } from '../domain/store.ts';
import { everyIssuer } from '../domain/targets.ts';
import { isPrintable } from '../domain/values/printable.ts';
import { ShortMemory } from '../short-memory.ts';

const issuersMax = 1_000;
const issuerLengthMax = 512;

export class IssuerDirectory {
  readonly #store: Store;
  readonly #issuers: ShortMemory<Issuer>;

  /** `isShared`: other workers of this server have a directory, too. */
  constructor(store: Store, isShared: boolean) {
    this.#store = store;
    this.#issuers = new ShortMemory({ max: issuersMax, isShared });
  }

  /** The issuer, if it is remembered. */
  recall(name: string): Issuer | undefined {
    return this.#issuers.recall(name);
  }

  async find(name: string): Promise<Issuer | undefined> {
    if (name === everyIssuer || name.length > issuerLengthMax || !isPrintable(name)) return undefined;
    // Strangers choose these names, so only names that were found before go to the `vouched` line.
    return this.#issuers.find(name, (before) =>
      this.#store.ask((facts) => facts.issuer(name), before ? 'vouched' : 'unvouched'),
    );
  }

  /** Call after a change made here; resolves when the change counts in every worker of this server. */
  forget(name: string): Promise<void> {
    return this.#issuers.forget(name);
  }
}
