// What is remembered between questions, so that most need no look-up: claims, which never change, and the
// keys of all revocations, which are first brought up to the head of the log. Never a verdict.
//
// The head is read anew for every batch of questions. Its lock makes sequence order commit order, so what
// lies at or below it is complete, and the memory is exact at the instant at which the head was read: no
// notification is trusted, and other processes and the command line count at once.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import { keysOf } from '../domain/cutoffs.ts';
import { type TargetKind, targetKey, targetsEverywhere } from '../domain/targets.ts';
import { halvesOf, KeySet } from './key-set.ts';
import { listKeys } from './revocations.ts';

const tokensMax = 120_000;
/** Tails up to here are waited for. */
const shortTail = 20_000;
const tailPageSize = 2_000;

export class Memory {
  readonly #tokens = new LRUCache<Digest, RegisteredToken>({ max: tokensMax });
  #halves = new WeakMap<Claims, Uint32Array>();
  readonly #kindsEverywhere = new Set<TargetKind>();
  readonly #revoked = new KeySet();
  /** All revocations up to this sequence number are in the set. */
  #seq = 0;
  #reading: Promise<void> | null = null;

  token(digest: Digest): RegisteredToken | undefined {
    return this.#tokens.get(digest);
  }

  keep(tokens: Iterable<RegisteredToken>): void {
    for (const token of tokens) this.#tokens.set(token.digest, token);
  }

  /**
   * Reads the head of the log and brings the keys up to it; resolves to the head. A long tail, as after the
   * start, is read beside the questions, which look everything up until that is done.
   */
  async catchUp(db: Knex): Promise<number> {
    const { revocation_seq: head } = (await db('heads').first('revocation_seq')) as {
      revocation_seq: number;
    };
    if (head <= this.#seq || this.#reading) return head;
    const reading = this.#readTail(db, head);
    if (head - this.#seq <= shortTail) {
      await reading;
    } else {
      const done = () => {
        this.#reading = null;
      };
      this.#reading = reading.then(done, done);
    }
    return head;
  }

  /** False only when no revocation up to `head` bears any of the token's keys. */
  mayBeCovered(claims: Claims, head: number): boolean {
    if (this.#seq < head) return true;
    let halves = this.#halves.get(claims);
    if (!halves) {
      halves = halvesOf([
        ...keysOf(claims),
        ...targetsEverywhere(claims, this.#kindsEverywhere).map(targetKey),
      ]);
      this.#halves.set(claims, halves);
    }
    for (let n = 0; n < halves.length; n += 2) {
      if (this.#revoked.has(halves[n] as number, halves[n + 1] as number)) return true;
    }
    return false;
  }

  /** From now on tokens are looked for under their names of this kind in every issuer, too. */
  #lookEverywhere(kind: TargetKind): void {
    if (this.#kindsEverywhere.has(kind)) return;
    this.#kindsEverywhere.add(kind);
    this.#halves = new WeakMap();
  }

  async #readTail(db: Knex, head: number): Promise<void> {
    while (this.#seq < head) {
      const from = this.#seq;
      const upTo = Math.min(head, from + tailPageSize);
      for (const { key, everywhere } of await listKeys(db, from, upTo)) {
        this.#revoked.add(key.readUInt32BE(0), key.readUInt32BE(4));
        if (everywhere !== null) this.#lookEverywhere(everywhere);
      }
      this.#seq = Math.max(this.#seq, upTo);
      // Requests have their turn between the pages, also where a query does not wait for anything.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
