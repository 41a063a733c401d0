// What is remembered between batches, so that most need no look-up: claims, which never change; which JWTs
// nobody had registered, as long as a counter says that nobody has registered anything since; the keys of all
// revocations, brought up to the head of the log; the records of clients and issuers, who is suspended, and how
// far back purges reached, read anew when a counter says so.
// Never a verdict.
//
// The heads are read anew for every batch of questions, and locked for every batch of decisions. Their lock
// makes sequence order commit order, so what lies at or below them is complete, and the memory is exact at the
// instant at which they were read: no notification is trusted, and other processes and the command line count
// at once.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import type { Client } from '../domain/clients.ts';
import { keysOf } from '../domain/cutoffs.ts';
import type { Issuer } from '../domain/issuers.ts';
import {
  everyIssuer,
  type TargetKey,
  type TargetKind,
  targetKey,
  targetsEverywhere,
} from '../domain/targets.ts';
import { listSuspended } from './clients.ts';
import { findRow } from './dialect.ts';
import { listSuspendedIssuers } from './issuers.ts';
import { bytesOfKey, KeySet, type Prints, printsOf, printsOfHex } from './key-set.ts';
import { readNote } from './notes.ts';
import { gatherKeys, type NumberedRevocation } from './revocations.ts';

const tokensMax = 120_000;
/** A JWT takes two: its string and its signing input. */
const absentMax = 80_000;
/** How many names are remembered as looked up lately. */
const seenMax = 2 ** 19;
const recordsMax = 1_000;
/** Tails up to here are waited for. */
const shortTail = 20_000;
const tailPageSize = 2_000;

/** For questions: what is committed now. */
export function readHeads(db: Knex): Promise<Heads> {
  return findRow<Heads>(
    db,
    'select revocation_seq, suspension_seq, token_seq, stamped_at from heads where id = 1',
  );
}

/** How far the logs had come at one instant; later ones have the greater numbers. */
export interface Heads {
  readonly revocation_seq: number;
  /** Moves with every change of a client or an issuer, with the horizon of purges, and with erasures. */
  readonly suspension_seq: number;
  /** Moves with every token that is registered. */
  readonly token_seq: number;
  /** The time of the last decisions. */
  readonly stamped_at: number;
}

/** How far back purges reached; milliseconds. */
interface Purged {
  /** Of what was issued until then, a revocation may be gone. */
  readonly until: number;
  /** Of what ended until then, and was issued before the second, its own revocation may be gone. */
  readonly endsUntil: number;
  readonly endsKnownAt: number;
}

interface Records {
  readonly seq: number;
  readonly suspendedClients: ReadonlySet<string>;
  readonly suspendedIssuers: ReadonlySet<string>;
  readonly purged: Purged;
  readonly erasures: number;
}

const unknownRecords: Records = {
  seq: -1,
  suspendedClients: new Set(),
  suspendedIssuers: new Set(),
  purged: { until: 0, endsUntil: 0, endsKnownAt: 0 },
  erasures: 0,
};

/** How tokens are remembered: by their digest, or as a JWT by that of its signing input. */
export type TokenName = string;

/** No other token's name: a string may well be registered that is the signing input of a JWT. */
export function jwtName(tokenDigest: Digest): TokenName {
  return `${tokenDigest}.`;
}

/** What a batch of decisions added. */
export interface Learnt {
  readonly tokens: readonly RegisteredToken[];
  readonly revocations: readonly NumberedRevocation[];
}

/** What a look-up came to, also that there is no such record. */
export interface Found<Value> {
  readonly value: Value;
}

export class Memory {
  readonly #reader: Knex;
  readonly #tokens = new LRUCache<TokenName, RegisteredToken>({ max: tokensMax });
  /** Tokens that were looked for in vain, and are not among the first `#tokenSeq` that were registered. */
  readonly #absent = new LRUCache<TokenName, true>({ max: absentMax });
  #tokenSeq = 0;
  readonly #seen = new Uint32Array(seenMax);
  readonly clients = new LRUCache<string, Found<Client | undefined>>({ max: recordsMax });
  readonly issuers = new LRUCache<string, Found<Issuer | undefined>>({ max: recordsMax });
  #prints = new WeakMap<Claims, Prints>();
  #kindsEverywhere = new Set<TargetKind>();
  #revoked = new KeySet();
  /** All revocations up to this sequence number are in the set. */
  #seq = 0;
  #records = unknownRecords;
  #reading: Promise<void> | null = null;

  constructor(reader: Knex) {
    this.#reader = reader;
  }

  /** Undefined when that is not known; null when it is known that nobody registered it. */
  token(name: TokenName): RegisteredToken | null | undefined {
    return this.#tokens.get(name) ?? (this.#absent.has(name) ? null : undefined);
  }

  /**
   * What a look-up came to in a batch with these heads. A name that comes once is not worth the room. One that comes
   * again is; so is a revoked token, which one question looks up twice.
   */
  keep(name: TokenName, found: RegisteredToken | undefined, heads: Heads): void {
    if (!this.#comesAgain(name)) return;
    if (!found && this.#tokenSeq === heads.token_seq) this.#absent.set(name, true);
    if (found && this.isAsOf(heads)) this.#tokens.set(name, found);
  }

  #comesAgain(name: TokenName): boolean {
    const slot = Number.parseInt(name.slice(0, 8), 16) % seenMax;
    const mark = Number.parseInt(name.slice(8, 16), 16);
    const comesAgain = this.#seen[slot] === mark;
    this.#seen[slot] = mark;
    return comesAgain;
  }

  /** Has no record changed since, and nothing been erased? What was found then may be kept only if so. */
  isAsOf(heads: Heads): boolean {
    return this.#records.seq === heads.suspension_seq;
  }

  /**
   * Brings the memory up to the heads that `read` reads; resolves to them. What it lacks is read in `db`. A long
   * tail of revocations, as after the start, is read beside the questions and decisions, which look everything up
   * until that is done.
   */
  async catchUp<AtLeast extends Heads>(db: Knex, read: (db: Knex) => Promise<AtLeast>): Promise<AtLeast> {
    const [seqBefore, recordsBefore, tokenSeqBefore] = [this.#seq, this.#records.seq, this.#tokenSeq];
    const heads = await read(db);
    const wentBack =
      heads.revocation_seq < seqBefore ||
      heads.suspension_seq < recordsBefore ||
      heads.token_seq < tokenSeqBefore;
    if (wentBack) this.#forget();
    if (heads.token_seq > this.#tokenSeq) {
      this.#absent.clear();
      this.#tokenSeq = heads.token_seq;
    }
    if (heads.suspension_seq > this.#records.seq) await this.#readRecords(db, heads.suspension_seq);
    await this.#readRevocations(db, heads.revocation_seq);
    return heads;
  }

  /** Takes in what this process has just committed right after `before`, so that it need not be read back. */
  learn(before: Heads, { tokens, revocations }: Learnt): void {
    if (this.#tokenSeq === before.token_seq) {
      for (const { digest, tokenDigest } of tokens) {
        this.#absent.delete(digest);
        this.#absent.delete(jwtName(tokenDigest));
      }
      this.#tokenSeq += tokens.length;
    }
    if (this.#seq !== before.revocation_seq) return;
    for (const { target, key, seq } of revocations) {
      this.#revoked.addAll(printsOf([key]));
      if (target.issuer === everyIssuer) this.#lookEverywhere(target.kind);
      this.#seq = seq;
    }
  }

  /** False only when no revocation up to the heads bears any of the token's keys, `own` or in every issuer. */
  mayBeCovered(claims: Claims, heads: Heads, own: readonly TargetKey[] | null = null): boolean {
    if (!this.#isUpTo(heads)) return true;
    let prints = this.#prints.get(claims);
    if (prints === undefined) {
      const everywhere = targetsEverywhere(claims, this.#kindsEverywhere).map(targetKey);
      prints = printsOf([...(own ?? keysOf(claims)), ...everywhere]);
      this.#prints.set(claims, prints);
    }
    return this.#revoked.hasAny(prints);
  }

  /** False only when no revocation up to the heads bears this key. */
  mayBeRevoked(key: TargetKey, heads: Heads): boolean {
    return !this.#isUpTo(heads) || this.#revoked.hasAny(printsOf([key]));
  }

  /** Which kinds of target were revoked in every issuer at once, up to the heads; null while that is not known. */
  kindsEverywhere(heads: Heads): ReadonlySet<TargetKind> | null {
    return this.#isUpTo(heads) ? this.#kindsEverywhere : null;
  }

  isClientSuspended(clientId: string): boolean {
    return this.#records.suspendedClients.has(clientId);
  }

  isIssuerSuspended(issuer: string): boolean {
    return this.#records.suspendedIssuers.has(issuer);
  }

  get purged(): Purged {
    return this.#records.purged;
  }

  #isUpTo(heads: Heads): boolean {
    return this.#seq >= heads.revocation_seq;
  }

  /** The log went back: the database was restored under us, and what we remember may never have been. */
  #forget(): void {
    this.#tokens.clear();
    this.#absent.clear();
    this.#tokenSeq = 0;
    this.#prints = new WeakMap();
    this.#kindsEverywhere = new Set();
    this.#revoked = new KeySet();
    this.#seq = 0;
    // Who is suspended stays as it was until it is read anew: other batches are under way.
    this.#records = { ...this.#records, seq: unknownRecords.seq };
    this.clients.clear();
    this.issuers.clear();
  }

  async #readRecords(db: Knex, seq: number): Promise<void> {
    const records = {
      seq,
      suspendedClients: new Set(await listSuspended(db)),
      suspendedIssuers: new Set(await listSuspendedIssuers(db)),
      purged: {
        until: await readNote(db, 'purged_until'),
        endsUntil: await readNote(db, 'ends_purged_until'),
        endsKnownAt: await readNote(db, 'ends_purged_at'),
      },
      erasures: await readNote(db, 'erasures'),
    };
    // Another batch may have read later ones meanwhile.
    if (seq <= this.#records.seq) return;
    if (records.erasures !== this.#records.erasures) this.#tokens.clear();
    this.clients.clear();
    this.issuers.clear();
    this.#records = records;
  }

  async #readRevocations(db: Knex, head: number): Promise<void> {
    if (head <= this.#seq || this.#reading) return;
    const isShort = head - this.#seq <= shortTail;
    const reading = this.#readTail(isShort ? db : this.#reader, head);
    if (isShort) return reading;
    const done = () => {
      this.#reading = null;
    };
    this.#reading = reading.then(done, done);
  }

  /** From now on tokens are looked for under their names of this kind in every issuer, too. */
  #lookEverywhere(kind: TargetKind): void {
    if (this.#kindsEverywhere.has(kind)) return;
    this.#kindsEverywhere.add(kind);
    this.#prints = new WeakMap();
  }

  async #readTail(db: Knex, head: number): Promise<void> {
    const revoked = this.#revoked;
    while (this.#seq < head) {
      const from = this.#seq;
      const upTo = Math.min(head, from + tailPageSize);
      const { beginnings, everywhere } = await gatherKeys(db, from, upTo, bytesOfKey);
      // The log went back meanwhile: what was read belongs to a set that is no longer in use.
      if (revoked !== this.#revoked) return;
      revoked.addAll(printsOfHex(beginnings));
      for (const kind of everywhere) this.#lookEverywhere(kind);
      this.#seq = Math.max(this.#seq, upTo);
      // Requests have their turn between the pages, also where a query does not wait for anything.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
