// Which tokens nobody registered, mostly known without a look-up, so that a made-up token costs less than a real one.
// A filter over the digests of all registered tokens, read in the background. It is exact up to a count of
// registrations, which every batch compares with the heads; while it lags behind, tokens are looked up.
import type { Knex } from 'knex';
import { type Digest, isJwt, type RegisteredToken } from '../../domain/claims.ts';
import type { Heads } from '../tables/heads.ts';
import {
  type Beginnings,
  findExtentOfTokens,
  gatherDigests,
  gatherNewDigests,
} from '../tables/token-digests.ts';
import { DigestFilter, digitsRead } from './digest-filter.ts';

const tokensPerPage = 2_000;
const bytesRead = digitsRead / 2;
/** With more, all tokens are looked up, as the filter would take over 100 MB. */
const digestsMax = 40_000_000;
/** The least room, for tokens to come. */
const capacityMin = 50_000;
const growth = 1.25;
const retryMs = 1_000;

export class RegisteredDigests {
  readonly #reader: Knex;
  #filter = new DigestFilter(0);
  /** How many tokens, in the order of registration, the filter holds; -1 while it is being filled. */
  #seq = -1;
  /** The filter holds all tokens up to this id; null while it is being filled. */
  #lastId: number | null = null;
  /** Heads when the filter was read: tokens erased before are not in it, so older heads may not use it. */
  #announcedSeq = 0;
  #isReading = false;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(reader: Knex) {
    this.#reader = reader;
  }

  /**
   * False only if, as of these heads, no token with this digest, of its whole string or of its signing input, is
   * registered.
   */
  mayBe(digest: Digest, { token_seq, announced_seq }: Heads): boolean {
    if (this.#seq < token_seq) {
      this.#read();
      return true;
    }
    return this.#announcedSeq > announced_seq || this.#filter.has(digest);
  }

  /** The same as of the heads up to which the filter was read; true while it is being filled. */
  mayHold(digest: Digest): boolean {
    return this.#lastId === null || this.#filter.has(digest);
  }

  /** Adds what this process has just registered when there were `seq` tokens. */
  learn(tokens: readonly RegisteredToken[], seq: number): void {
    for (const token of tokens) {
      this.#filter.add(token.digest);
      if (isJwt(token)) this.#filter.add(token.targetDigest);
    }
    if (this.#seq === seq) this.#seq += tokens.length;
    this.#giveUpIfTooMany();
  }

  /** The count of registrations went back: what was read may never have been there. */
  forget(): void {
    this.#filter = new DigestFilter(0);
    this.#seq = -1;
    this.#lastId = null;
    this.#announcedSeq = 0;
  }

  /** Reads on in the background, unless it is already reading or has just failed. */
  #read(): void {
    const now = performance.now();
    if (this.#isReading || now - this.#triedAt < retryMs) return;
    this.#isReading = true;
    this.#readOn()
      .catch(() => {
        // Try again after `retryMs`.
        this.#triedAt = performance.now();
      })
      .finally(() => {
        this.#isReading = false;
      });
  }

  async #readOn(): Promise<void> {
    if (this.#lastId === null) await this.#fill();
    const filter = this.#filter;
    while (this.#lastId !== null) {
      const [reader, after] = [this.#reader, this.#lastId];
      const page = await afterRequests(() => gatherNewDigests(reader, after, tokensPerPage, bytesRead));
      if (!this.#take(filter, page.beginnings)) return;
      this.#lastId = page.lastId;
      if (page.tokens === tokensPerPage) continue;
      this.#seq = Math.max(this.#seq, page.tokenSeq);
      this.#announcedSeq = Math.max(this.#announcedSeq, page.announcedSeq);
      return;
    }
  }

  /** Reads the digests of all tokens, in many pages. */
  async #fill(): Promise<void> {
    const before = this.#filter;
    const { firstId, lastId } = await findExtentOfTokens(this.#reader);
    // `forget` ran meanwhile: the ids may be those of another database.
    if (before !== this.#filter) return;
    const tokensMax = lastId - firstId + 1;
    const capacity = Math.min(digestsMax, Math.max(capacityMin, growth * tokensMax));
    const filter = new DigestFilter(Math.ceil(capacity));
    this.forget();
    this.#filter = filter;
    for (const column of ['digest', 'token_digest'] as const) {
      let [after, isMore] = ['', true];
      while (isMore) {
        const page = await afterRequests(() =>
          gatherDigests(this.#reader, column, after, tokensPerPage, bytesRead),
        );
        if (!this.#take(filter, page)) return;
        after = page.slice(-digitsRead);
        isMore = page.length === tokensPerPage * digitsRead;
      }
    }
    this.#lastId = lastId;
  }

  /** False when `filter` is no longer in use. */
  #take(filter: DigestFilter, beginnings: Beginnings): boolean {
    if (filter !== this.#filter) return false;
    for (let at = 0; at < beginnings.length; at += digitsRead)
      filter.add(beginnings.slice(at, at + digitsRead));
    return !this.#giveUpIfTooMany();
  }

  #giveUpIfTooMany(): boolean {
    if (this.#filter.size <= digestsMax) return false;
    this.forget();
    this.#triedAt = Number.POSITIVE_INFINITY;
    return true;
  }
}

/** Requests go first: after each reading, it pauses for as long as the reading took. */
async function afterRequests<T>(read: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const page = await read();
  const took = performance.now() - began;
  await new Promise((resolve) => setTimeout(resolve, took));
  return page;
}
