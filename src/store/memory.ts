// What is remembered between questions, so that most need no look-up: claims, which never change; the keys of
// all revocations, brought up to the head of the log; who is suspended, and how far back purges reached, read
// anew when a counter says so.
// Never a verdict.
//
// The heads are read anew for every batch of questions. Their lock makes sequence order commit order, so what
// lies at or below them is complete, and the memory is exact at the instant at which they were read: no
// notification is trusted, and other processes and the command line count at once.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import { keysOf } from '../domain/cutoffs.ts';
import { type TargetKind, targetKey, targetsEverywhere } from '../domain/targets.ts';
import { listSuspended } from './clients.ts';
import { findRow } from './dialect.ts';
import { listSuspendedIssuers } from './issuers.ts';
import { halvesOf, KeySet } from './key-set.ts';
import { recall } from './purge.ts';
import { listKeys } from './revocations.ts';

const tokensMax = 120_000;
/** Tails up to here are waited for. */
const shortTail = 20_000;
const tailPageSize = 2_000;

/** How far the logs had come at one instant. */
export interface Heads {
  readonly revocation_seq: number;
  readonly suspension_seq: number;
}

interface Suspensions {
  readonly seq: number;
  readonly clients: ReadonlySet<string>;
  readonly issuers: ReadonlySet<string>;
  readonly purgedUntil: number;
}

const unknownSuspensions: Suspensions = { seq: -1, clients: new Set(), issuers: new Set(), purgedUntil: 0 };

export class Memory {
  readonly #tokens = new LRUCache<Digest, RegisteredToken>({ max: tokensMax });
  #halves = new WeakMap<Claims, Uint32Array>();
  #kindsEverywhere = new Set<TargetKind>();
  #revoked = new KeySet();
  /** All revocations up to this sequence number are in the set. */
  #seq = 0;
  #suspensions = unknownSuspensions;
  #reading: Promise<void> | null = null;

  token(digest: Digest): RegisteredToken | undefined {
    return this.#tokens.get(digest);
  }

  keep(token: RegisteredToken): void {
    this.#tokens.set(token.digest, token);
  }

  /**
   * Reads the heads and brings the memory up to them; resolves to them. A long tail of revocations, as after
   * the start, is read beside the questions, which look everything up until that is done.
   */
  async catchUp(db: Knex): Promise<Heads> {
    const seqBefore = this.#seq;
    const heads = await findRow<Heads>(db, 'select revocation_seq, suspension_seq from heads where id = 1');
    if (heads.revocation_seq < seqBefore) this.#forget();
    if (heads.suspension_seq > this.#suspensions.seq) await this.#readSuspensions(db, heads.suspension_seq);
    await this.#readRevocations(db, heads.revocation_seq);
    return heads;
  }

  /** False only when no revocation up to the heads bears any of the token's keys. */
  mayBeCovered(claims: Claims, heads: Heads): boolean {
    if (this.#seq < heads.revocation_seq) return true;
    let halves = this.#halves.get(claims);
    if (!halves) {
      const everywhere = targetsEverywhere(claims, this.#kindsEverywhere).map(targetKey);
      halves = halvesOf([...keysOf(claims), ...everywhere]);
      this.#halves.set(claims, halves);
    }
    for (let n = 0; n < halves.length; n += 2) {
      if (this.#revoked.has(halves[n] as number, halves[n + 1] as number)) return true;
    }
    return false;
  }

  /** Is the token's client or issuer suspended? */
  isSuspended(claims: Claims): boolean {
    const { clients, issuers } = this.#suspensions;
    return (claims.clientId !== null && clients.has(claims.clientId)) || issuers.has(claims.issuer);
  }

  get purgedUntil(): number {
    return this.#suspensions.purgedUntil;
  }

  /** The log went back: the database was restored under us, and what we remember may never have been. */
  #forget(): void {
    this.#tokens.clear();
    this.#halves = new WeakMap();
    this.#kindsEverywhere = new Set();
    this.#revoked = new KeySet();
    this.#seq = 0;
    this.#suspensions = unknownSuspensions;
  }

  async #readSuspensions(db: Knex, seq: number): Promise<void> {
    const [clients, issuers] = [await listSuspended(db), await listSuspendedIssuers(db)];
    const purgedUntil = await recall(db, 'purged_until');
    // Another batch may have read later ones meanwhile.
    if (seq > this.#suspensions.seq) {
      this.#suspensions = { seq, clients: new Set(clients), issuers: new Set(issuers), purgedUntil };
    }
  }

  async #readRevocations(db: Knex, head: number): Promise<void> {
    if (head <= this.#seq || this.#reading) return;
    const reading = this.#readTail(db, head);
    if (head - this.#seq <= shortTail) return reading;
    const done = () => {
      this.#reading = null;
    };
    this.#reading = reading.then(done, done);
  }

  /** From now on tokens are looked for under their names of this kind in every issuer, too. */
  #lookEverywhere(kind: TargetKind): void {
    if (this.#kindsEverywhere.has(kind)) return;
    this.#kindsEverywhere.add(kind);
    this.#halves = new WeakMap();
  }

  async #readTail(db: Knex, head: number): Promise<void> {
    const revoked = this.#revoked;
    while (this.#seq < head) {
      const from = this.#seq;
      const upTo = Math.min(head, from + tailPageSize);
      const page = await listKeys(db, from, upTo);
      // The log went back meanwhile: what was read belongs to a set that is no longer in use.
      if (revoked !== this.#revoked) return;
      for (const { key, everywhere } of page) {
        revoked.add(key.readUInt32BE(0), key.readUInt32BE(4));
        if (everywhere !== null) this.#lookEverywhere(everywhere);
      }
      this.#seq = Math.max(this.#seq, upTo);
      // Requests have their turn between the pages, also where a query does not wait for anything.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
