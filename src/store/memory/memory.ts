// What is remembered between batches, so that most need no look-up: claims, which never change while the token lives;
// which tokens nobody registered (registered-digests.ts); which keys were revoked (revoked-keys.ts); clients and issuers
// (records.ts).
// Never a verdict.
//
// The heads are read anew for every batch. As decisions are taken one after another (commit.ts), sequence order is commit
// order: what lies at or below the heads is complete, and the memory is exact at the instant at which they were read. No
// notification is trusted, and changes by other processes and the command line count at once.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../../domain/claims.ts';
import type { TargetKey, TargetKind } from '../../domain/targets.ts';
import type { Heads } from '../tables/heads.ts';
import type { NumberedRevocation } from '../tables/revocation-rows.ts';
import { DigestFilter } from './digest-filter.ts';
import { Records } from './records.ts';
import { RegisteredDigests } from './registered-digests.ts';
import { RevokedKeys } from './revoked-keys.ts';

const tokensMax = 110_000;
/** How many names are noted as looked up; then all are forgotten, and noting begins anew. */
const seenMax = 500_000;

/** The name under which a token is remembered: its digest or, for a JWT, `jwtName` of its signing input's digest. */
export type TokenName = string;

/** Differs from every digest, as the signing input of a JWT may itself be registered as a string. */
export function jwtName(signingInputDigest: Digest): TokenName {
  return `${signingInputDigest}.`;
}

/** What a batch of decisions added. */
export interface Learnt {
  readonly tokens: readonly RegisteredToken[];
  readonly revocations: readonly NumberedRevocation[];
}

export class Memory {
  readonly #tokens = new LRUCache<TokenName, RegisteredToken>({ max: tokensMax });
  #seen = new DigestFilter(seenMax);
  readonly #registered: RegisteredDigests;
  readonly #revoked: RevokedKeys;
  readonly records: Records;
  /** The greatest count of registered tokens that any heads had. */
  #tokenSeq = 0;
  /** Identifies the database whose content is remembered; null before the first look. */
  #incarnation: string | null = null;

  constructor(reader: Knex, lifetimeDaysMax: number) {
    const forgetTokens = () => this.#tokens.clear();
    this.#registered = new RegisteredDigests(reader);
    this.#revoked = new RevokedKeys(reader, forgetTokens);
    this.records = new Records(forgetTokens, lifetimeDaysMax);
  }

  /** Undefined when it is not remembered, or has expired: since then it may have been purged and registered anew. */
  token(name: TokenName, now: number): RegisteredToken | undefined {
    const known = this.#tokens.get(name);
    if (known === undefined || now < known.expiresAt) return known;
    this.#tokens.delete(name);
    return undefined;
  }

  /** Is a look-up of this digest likely to be needed? As far as can be told before the heads are read. */
  isWorthReading(digest: Digest): boolean {
    return !this.#tokens.has(digest) && this.#registered.mayHold(digest);
  }

  /**
   * Keeps what a batch with these heads has found under a name, if the name has come before: one that comes once is not
   * worth the room. A revoked token's always has, as one question looks it up twice.
   */
  keep(name: TokenName, found: RegisteredToken | undefined, heads: Heads, now: number): void {
    if (!found || found.expiresAt <= now || !this.#comesAgain(name) || !this.isAsOf(heads)) return;
    // Uses the token's own string if it is equal: a second copy would take twice the room.
    this.#tokens.set(name === found.digest ? found.digest : name, found);
    this.#revoked.keepPrints(found);
  }

  #comesAgain(name: TokenName): boolean {
    if (this.#seen.size >= seenMax) this.#seen = new DigestFilter(seenMax);
    return !this.#seen.add(name);
  }

  /** Are the remembered records as of these heads? Only then may the result of a look-up be kept. */
  isAsOf(heads: Heads): boolean {
    return this.records.seq === heads.announced_seq && heads.incarnation === this.#incarnation;
  }

  /**
   * False only if, as of these heads, no token with this digest, of its string or of its signing input, is
   * registered.
   */
  mayBeRegistered(digest: Digest, heads: Heads): boolean {
    return this.#registered.mayBe(digest, heads);
  }

  /** False only if no revocation up to the heads bears any key of the token, including those for every issuer. */
  mayBeCovered(claims: Claims, heads: Heads): boolean {
    return !this.#isUpTo(heads) || this.#revoked.mayCover(claims);
  }

  /** False only when no revocation up to the heads bears this key. */
  mayBeRevoked(key: TargetKey, heads: Heads): boolean {
    return !this.#isUpTo(heads) || this.#revoked.mayHave(key);
  }

  /** Which kinds of target were revoked in every issuer at once, up to the heads; null while that is not known. */
  kindsEverywhere(heads: Heads): ReadonlySet<TargetKind> | null {
    return this.#isUpTo(heads) ? this.#revoked.kindsEverywhere : null;
  }

  #isUpTo(heads: Heads): boolean {
    return this.#revoked.seq >= heads.revocation_seq && heads.incarnation === this.#incarnation;
  }

  /**
   * Brings the memory up to the heads that `read` reads; resolves to them. What is missing is read in `db`, but a
   * long tail of revocations in the background; until that is done everything is looked up.
   */
  async catchUp<AtLeast extends Heads>(db: Knex, read: (db: Knex) => Promise<AtLeast>): Promise<AtLeast> {
    const [seqBefore, recordsBefore, tokenSeqBefore] = [this.#revoked.seq, this.records.seq, this.#tokenSeq];
    const heads = await read(db);
    const wentBack =
      heads.revocation_seq < seqBefore ||
      heads.announced_seq < recordsBefore ||
      heads.token_seq < tokenSeqBefore;
    const isAnother = this.#incarnation !== null && heads.incarnation !== this.#incarnation;
    if (wentBack || isAnother) this.#forget();
    this.#incarnation = heads.incarnation;
    this.#tokenSeq = Math.max(this.#tokenSeq, heads.token_seq);
    if (heads.announced_seq > this.records.seq) await this.records.readAnew(db, heads.announced_seq);
    await this.#revoked.catchUp(db, heads.revocation_seq);
    return heads;
  }

  /** Resolves when no tail is being read in the background. */
  caughtUp(): Promise<void> {
    return this.#revoked.caughtUp();
  }

  /** Takes in what this process has just committed right after `before`, so that it need not be read back. */
  learn(before: Heads, { tokens, revocations }: Learnt): void {
    if (before.incarnation !== this.#incarnation) return;
    this.#registered.learn(tokens, before.token_seq);
    this.#tokenSeq = Math.max(this.#tokenSeq, before.token_seq + tokens.length);
    this.#revoked.learn(revocations, before.revocation_seq);
  }

  /** The database was restored, or another took its place: what we remember may never have been in it. */
  #forget(): void {
    this.#tokens.clear();
    this.#tokenSeq = 0;
    this.#registered.forget();
    this.#revoked.forget();
    this.records.forget();
  }
}
