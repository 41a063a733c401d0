// What is remembered of clients and issuers: the records that were looked up, and who is suspended. Beside it what the
// same counter of `heads` announces: how far back purges reached, how long tokens could live, and erasures. All is read
// anew when it has changed.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Client } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import { listSuspendedClients } from '../tables/clients.ts';
import { listSuspendedIssuers } from '../tables/issuers.ts';
import { readNote } from '../tables/notes.ts';

const recordsMax = 1_000;

/** How far back purges reached; milliseconds. */
interface Purged {
  /** Revocations of tokens that were issued until then may be gone. */
  readonly until: number;
  /** A token's own revocation may be gone if the token ended by `endsUntil` and was issued by `endsKnownAt`. */
  readonly endsUntil: number;
  readonly endsKnownAt: number;
}

interface Announced {
  readonly suspendedClients: ReadonlySet<string>;
  readonly suspendedIssuers: ReadonlySet<string>;
  readonly purged: Purged;
  /** The largest TOKEN_LIFETIME_DAYS_MAX that was ever in force; infinite where none was noted. */
  readonly lifetimeDaysMax: number;
  readonly erasures: number;
}

/** The result of a look-up, which may be that there is no such record. */
export interface Found<Value> {
  readonly value: Value;
}

const unread = -1;

export class Records {
  readonly clients = new LRUCache<string, Found<Client | undefined>>({ max: recordsMax });
  readonly issuers = new LRUCache<string, Found<Issuer | undefined>>({ max: recordsMax });
  readonly #forgetTokens: () => void;
  readonly #ownLifetimeDaysMax: number;
  #announced: Announced = {
    suspendedClients: new Set(),
    suspendedIssuers: new Set(),
    purged: { until: 0, endsUntil: 0, endsKnownAt: 0 },
    lifetimeDaysMax: Number.POSITIVE_INFINITY,
    erasures: 0,
  };
  #seq = unread;

  /** `forgetTokens` is called when registrations were erased. */
  constructor(forgetTokens: () => void, ownLifetimeDaysMax: number) {
    this.#forgetTokens = forgetTokens;
    this.#ownLifetimeDaysMax = ownLifetimeDaysMax;
  }

  /** The `announced_seq` up to which everything is known; -1 before it was read. */
  get seq(): number {
    return this.#seq;
  }

  get purged(): Purged {
    return this.#announced.purged;
  }

  /** Our own may not be noted yet. */
  get lifetimeDaysMax(): number {
    return Math.max(this.#announced.lifetimeDaysMax, this.#ownLifetimeDaysMax);
  }

  isClientSuspended(clientId: string): boolean {
    return this.#announced.suspendedClients.has(clientId);
  }

  isIssuerSuspended(issuer: string): boolean {
    return this.#announced.suspendedIssuers.has(issuer);
  }

  /** Reads everything anew in `db`, which is at `seq` or later. */
  async readAnew(db: Knex, seq: number): Promise<void> {
    const announced = {
      suspendedClients: new Set(await listSuspendedClients(db)),
      suspendedIssuers: new Set(await listSuspendedIssuers(db)),
      purged: {
        until: await readNote(db, 'purged_until'),
        endsUntil: await readNote(db, 'ends_purged_until'),
        endsKnownAt: await readNote(db, 'ends_purged_at'),
      },
      lifetimeDaysMax: (await readNote(db, 'lifetime_days_max')) || Number.POSITIVE_INFINITY,
      erasures: await readNote(db, 'erasures'),
    };
    // Another batch may have read later records meanwhile.
    if (seq <= this.#seq) return;
    if (announced.erasures !== this.#announced.erasures) this.#forgetTokens();
    this.clients.clear();
    this.issuers.clear();
    this.#announced = announced;
    this.#seq = seq;
  }

  /** Suspensions stay until they are read anew, as other batches are under way. */
  forget(): void {
    this.#seq = unread;
    this.clients.clear();
    this.issuers.clear();
  }
}
