// What is remembered between batches, so that most need no look-up: claims, which never change; which tokens nobody
// registered (registered-digests.ts); the keys of all revocations up to the head of the log; the records of clients
// and issuers, suspensions, and how far back purges reached, read anew when a counter has changed. Never a verdict.
//
// The heads are read anew for every batch of questions, and locked for every batch of decisions. Their lock makes
// sequence order commit order, so what lies at or below them is complete, and the memory is exact at the instant at
// which they were read: no notification is trusted, and changes by other processes and the command line count at
// once.
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
import { DigestFilter } from './digest-filter.ts';
import { RegisteredDigests } from './registered-digests.ts';
import { listSuspended } from './tables/clients.ts';
import type { Heads } from './tables/heads.ts';
import { listSuspendedIssuers } from './tables/issuers.ts';
import { readNote } from './tables/notes.ts';
import { gatherKeys, type NumberedRevocation } from './tables/revocations.ts';
import { bytesOfKey, type Prints, printsOf, printsOfHex, TargetKeySet } from './target-key-set.ts';

const tokensMax = 110_000;
/** How many names are noted as looked up; then all are forgotten, and noting begins anew. */
const seenMax = 500_000;
const recordsMax = 1_000;
/** A request waits for a tail of up to this many rows. */
const shortTail = 20_000;
const tailPageSize = 2_000;

/** How far back purges reached; milliseconds. */
interface Purged {
  /** Revocations of tokens that were issued until then may be gone. */
  readonly until: number;
  /** A token's own revocation may be gone if the token ended by `endsUntil` and was issued by `endsKnownAt`. */
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

/** The name under which a token is remembered: its digest or, for a JWT, `jwtName` of its signing input's digest. */
export type TokenName = string;

/** Differs from every digest, as the signing input of a JWT may itself be registered as a string. */
export function jwtName(tokenDigest: Digest): TokenName {
  return `${tokenDigest}.`;
}

/** What a batch of decisions added. */
export interface Learnt {
  readonly tokens: readonly RegisteredToken[];
  readonly revocations: readonly NumberedRevocation[];
}

/** The result of a look-up, which may be that there is no such record. */
export interface Found<Value> {
  readonly value: Value;
}

export class Memory {
  readonly #reader: Knex;
  readonly #tokens = new LRUCache<TokenName, RegisteredToken>({ max: tokensMax });
  readonly #registered: RegisteredDigests;
  #tokenSeq = 0;
  #seen = new DigestFilter(seenMax);
  readonly clients = new LRUCache<string, Found<Client | undefined>>({ max: recordsMax });
  readonly issuers = new LRUCache<string, Found<Issuer | undefined>>({ max: recordsMax });
  /** Only for claims that are themselves remembered, here or elsewhere; for others it would cost more than it saves. */
  #prints = new WeakMap<Claims, Prints>();
  /** Kinds of target that were ever revoked; under its other names a token need not be looked for. */
  #revokedKinds = new Set<TargetKind>();
  /** Kinds that were revoked in every issuer at once. */
  #kindsEverywhere = new Set<TargetKind>();
  #revoked = new TargetKeySet();
  /** All revocations up to this sequence number are in the set. */
  #seq = 0;
  #records = unknownRecords;
  /** Identifies the database whose content is remembered; null before the first look. */
  #incarnation: string | null = null;
  #reading: Promise<void> | null = null;

  constructor(reader: Knex) {
    this.#reader = reader;
    this.#registered = new RegisteredDigests(reader);
  }

  /** Undefined when it is not remembered. */
  token(name: TokenName): RegisteredToken | undefined {
    return this.#tokens.get(name);
  }

  /**
   * False only if, as of these heads, no token with this digest, of its string or of its signing input, is
   * registered.
   */
  mayBeRegistered(digest: Digest, heads: Heads): boolean {
    return this.#registered.mayBe(digest, heads);
  }

  /**
   * Keeps the result of a look-up in a batch with these heads, if the name comes again: one that comes once is not
   * worth the room. A revoked token counts as coming again, as one question looks it up twice.
   */
  keep(name: TokenName, found: RegisteredToken | undefined, heads: Heads): void {
    if (!found || !this.#comesAgain(name) || !this.isAsOf(heads)) return;
    // Uses the token's own string if it is equal: a second copy would take twice the room.
    this.#tokens.set(name === found.digest ? found.digest : name, found);
    this.#prints.set(found, this.#printsOf(found));
  }

  #comesAgain(name: TokenName): boolean {
    if (this.#seen.size >= seenMax) this.#seen = new DigestFilter(seenMax);
    return !this.#seen.add(name);
  }

  /** Are the remembered records as of these heads? Only then may the result of a look-up be kept. */
  isAsOf(heads: Heads): boolean {
    return this.#records.seq === heads.suspension_seq && heads.incarnation === this.#incarnation;
  }

  /**
   * Brings the memory up to the heads that `read` reads; resolves to them. What is missing is read in `db`. A long
   * tail of revocations, as after the start, is read in the background; until that is done everything is looked up.
   */
  async catchUp<AtLeast extends Heads>(db: Knex, read: (db: Knex) => Promise<AtLeast>): Promise<AtLeast> {
    const [seqBefore, recordsBefore, tokenSeqBefore] = [this.#seq, this.#records.seq, this.#tokenSeq];
    const heads = await read(db);
    const wentBack =
      heads.revocation_seq < seqBefore ||
      heads.suspension_seq < recordsBefore ||
      heads.token_seq < tokenSeqBefore;
    const isAnother = this.#incarnation !== null && heads.incarnation !== this.#incarnation;
    if (wentBack || isAnother) this.#forget();
    this.#incarnation = heads.incarnation;
    this.#tokenSeq = Math.max(this.#tokenSeq, heads.token_seq);
    if (heads.suspension_seq > this.#records.seq) await this.#readRecords(db, heads.suspension_seq);
    await this.#readRevocations(db, heads.revocation_seq);
    return heads;
  }

  /** Resolves when no tail is being read in the background. */
  async caughtUp(): Promise<void> {
    await this.#reading;
  }

  /** Takes in what this process has just committed right after `before`, so that it need not be read back. */
  learn(before: Heads, { tokens, revocations }: Learnt): void {
    if (before.incarnation !== this.#incarnation) return;
    this.#registered.learn(tokens, before.token_seq);
    this.#tokenSeq = Math.max(this.#tokenSeq, before.token_seq + tokens.length);
    if (this.#seq !== before.revocation_seq) return;
    for (const { target, key, seq } of revocations) {
      this.#revoked.addAll(printsOf([key]));
      this.#lookFor(this.#revokedKinds, target.kind);
      if (target.issuer === everyIssuer) this.#lookFor(this.#kindsEverywhere, target.kind);
      this.#seq = seq;
    }
  }

  /** False only if no revocation up to the heads bears any key of the token, including those for every issuer. */
  mayBeCovered(claims: Claims & { readonly registrar?: string | null }, heads: Heads): boolean {
    if (!this.#isUpTo(heads)) return true;
    const known = this.#prints.get(claims);
    if (known !== undefined) return this.#revoked.hasAny(known);
    const prints = this.#printsOf(claims);
    // The verifier remembers the claims of an unregistered JWT, so its prints are worth keeping. Registrations get
    // theirs in `keep`, or are joined with a signature anew for each question.
    if (claims.registrar === null) this.#prints.set(claims, prints);
    return this.#revoked.hasAny(prints);
  }

  #printsOf(claims: Claims): Prints {
    const everywhere = targetsEverywhere(claims, this.#kindsEverywhere).map(targetKey);
    return printsOf([...keysOf(claims, this.#revokedKinds), ...everywhere]);
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
    return this.#seq >= heads.revocation_seq && heads.incarnation === this.#incarnation;
  }

  /** The database was restored, or another took its place: what we remember may never have been in it. */
  #forget(): void {
    this.#tokens.clear();
    this.#registered.forget();
    this.#tokenSeq = 0;
    this.#prints = new WeakMap();
    this.#revokedKinds = new Set();
    this.#kindsEverywhere = new Set();
    this.#revoked = new TargetKeySet();
    this.#seq = 0;
    // Suspensions stay until they are read anew, as other batches are under way.
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
    // Another batch may have read later records meanwhile.
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

  /** From now on tokens are looked for under their names of this kind, too. */
  #lookFor(kinds: Set<TargetKind>, kind: TargetKind): void {
    if (kinds.has(kind)) return;
    kinds.add(kind);
    this.#prints = new WeakMap();
    this.#tokens.clear();
  }

  async #readTail(db: Knex, head: number): Promise<void> {
    const revoked = this.#revoked;
    while (this.#seq < head) {
      const from = this.#seq;
      const upTo = Math.min(head, from + tailPageSize);
      const gathered = await gatherKeys(db, from, upTo, bytesOfKey);
      // `#forget` ran meanwhile: what was read belongs to a set that is no longer in use.
      if (revoked !== this.#revoked) return;
      revoked.addAll(printsOfHex(gathered.beginnings));
      for (const kind of gathered.kinds) this.#lookFor(this.#revokedKinds, kind);
      for (const kind of gathered.kindsEverywhere) this.#lookFor(this.#kindsEverywhere, kind);
      this.#seq = Math.max(this.#seq, upTo);
      // Lets requests in between two pages, even if no query has to wait.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
