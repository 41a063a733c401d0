// Facts for many questions at once. A question that asks for a fact not at hand is interrupted; the missing facts of all
// questions are then loaded together, one query per kind of fact, and they run again. Decisions see more than what is
// loaded: decision-facts.ts.
import type { Knex } from 'knex';
import type { LRUCache } from 'lru-cache';
import type { Claims, Digest, EarlierJudgement, RegisteredToken } from '../../domain/claims.ts';
import { covers, forever, keysOf, type LoggedRevocation, type Revocation } from '../../domain/cutoffs.ts';
import type { Client } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import type { Grant, Session } from '../../domain/sessions.ts';
import { type EarlierOutcome, type Facts, historyMax } from '../../domain/store.ts';
import {
  type Target,
  type TargetKey,
  type TargetKind,
  targetKey,
  targetsEverywhere,
} from '../../domain/targets.ts';
import { issuedFrom } from '../../domain/token-life.ts';
import type { Standing } from '../../domain/verdict.ts';
import { allOf } from '../all-of.ts';
import { jwtName, type Memory, type TokenName } from '../memory/memory.ts';
import type { Found } from '../memory/records.ts';
import type { Heads } from '../tables/heads.ts';
import * as factKinds from './fact-kinds.ts';
import { type FactKind, NotLoaded, Shelf } from './shelf.ts';

/** No issuer's clock is assumed to be further ahead of ours than this, whatever CLOCK_SKEW_SECONDS is. */
const aheadMsMax = 600_000;

export class LoadedFacts implements Facts {
  /** Only for kinds that were asked for: most batches ask for one, or none. */
  readonly #shelves = new Map<unknown, Shelf<unknown>>();
  readonly #keys = new Map<Claims, TargetKey[]>();
  protected readonly memory: Memory;
  protected readonly heads: Heads;
  protected readonly now: number;

  /** `memory` has been brought up to `heads`. */
  constructor(memory: Memory, heads: Heads, now: number) {
    this.memory = memory;
    this.heads = heads;
    this.now = now;
  }

  /** Loads, in `db`, all that was asked for and missing. Resolves to whether tokens were looked up in vain. */
  async load(db: Knex): Promise<boolean> {
    const before = this.#tokensAbsent();
    await allOf([...this.#shelves.values()].map((shelf) => shelf.fill(db, this.now)));
    return this.#tokensAbsent() > before;
  }

  #tokensAbsent(): number {
    const shelves = [factKinds.tokens, factKinds.jwts].map((kind) => this.#shelves.get(kind));
    return shelves.reduce((sum, shelf) => sum + (shelf?.absences ?? 0), 0);
  }

  token(digest: Digest): RegisteredToken | undefined {
    return this.registered(factKinds.tokens, digest, digest);
  }

  jwt(signingInputDigest: Digest): RegisteredToken | undefined {
    return this.registered(factKinds.jwts, signingInputDigest, jwtName(signingInputDigest));
  }

  standing(claims: Claims): Standing {
    const coveredBy = this.#coverOf(claims);
    return {
      coveredBy: coveredBy.length > 0 ? coveredBy : this.#coverBefore(claims),
      suspended: this.#areSuspended(claims),
    };
  }

  /** What killed the token as it was judged before. */
  #coverBefore({ judgedBefore }: Claims): readonly Revocation[] {
    if (!judgedBefore) return [];
    const rows = this.#coverOf(judgedBefore.as);
    const earlier = rows.filter(({ revokedAt }) => revokedAt <= judgedBefore.until);
    if (earlier.length > 0 || rows.length === 0) return earlier;
    // A later row may have taken the place of an earlier one, which then stands in the log alone.
    return this.#logBefore(judgedBefore);
  }

  #coverOf(claims: Claims): readonly Revocation[] {
    if (!this.mayBeCovered(claims)) return [];
    const own = this.#keysOf(claims);
    const [ownRows, furtherKeys] = this.together(
      () => this.each(own, (key) => this.coverageOf(key)).flat(),
      () => this.#keysEverywhere(claims),
    );
    const further = this.each(furtherKeys, (key) => this.coverageOf(key)).flat();
    const keys = [...own, ...furtherKeys];
    return this.#thoseThatCover(claims, keys, [...ownRows, ...further]);
  }

  final(target: Target): Revocation | undefined {
    return this.coverageOf(targetKey(target)).find((row) => row.cutoff === forever);
  }

  history(claims: Claims): readonly LoggedRevocation[] {
    const { judgedBefore } = claims;
    const [now, before] = this.together(
      () => this.#logOf(claims),
      () => (judgedBefore ? this.#logBefore(judgedBefore) : []),
    );
    const rows = new Map([...now, ...before].map((row) => [row.seq, row]));
    return [...rows.values()].sort((one, other) => one.seq - other.seq).slice(0, historyMax);
  }

  #logBefore({ as, until }: EarlierJudgement): LoggedRevocation[] {
    return this.#logOf(as).filter(({ revokedAt }) => revokedAt <= until);
  }

  #logOf(claims: Claims): LoggedRevocation[] {
    const keys = [...this.#keysOf(claims), ...this.#keysEverywhere(claims)];
    const rows = this.shelf(factKinds.histories).get(JSON.stringify([claims.issuedAt, keys]));
    return this.#thoseThatCover(claims, keys, rows);
  }

  /**
   * Not a cutoff so old that a token without `iat` was not valid yet, by whatever clock: whether that was purged must not
   * matter.
   */
  #thoseThatCover<Row extends Revocation>(
    claims: Claims,
    keys: readonly TargetKey[],
    rows: readonly Row[],
  ): Row[] {
    const from = issuedFrom(claims, this.memory.records) - aheadMsMax;
    return rows.filter((row) => row.cutoff >= from && covers(row, keys, claims));
  }

  isForgotten(issuedFrom: number, expiresAt: number): boolean {
    const { until, endsUntil, endsKnownAt } = this.memory.records.purged;
    // The token had ended by the clock of the purging process, but not yet by ours: its own revocation is gone.
    const endedThen = this.now < expiresAt && expiresAt <= endsUntil;
    return (endedThen && issuedFrom <= endsKnownAt + aheadMsMax) || issuedFrom <= until;
  }

  earlierOutcome(keyDigest: Digest): EarlierOutcome | undefined {
    return this.shelf(factKinds.outcomes).get(keyDigest);
  }

  session(sessionId: string): Session | undefined {
    return this.shelf(factKinds.sessions).get(sessionId);
  }

  grant(grantId: string): Grant | undefined {
    return this.shelf(factKinds.grants).get(grantId);
  }

  unexpiredTokensOf(target: Target): readonly RegisteredToken[] {
    if (target.kind !== 'grant' && target.kind !== 'session') return [];
    return this.shelf(factKinds.unitTokens).get(JSON.stringify([target.kind, target.issuer, target.id]));
  }

  sessionsOf(issuer: string, subject: string): readonly Session[] {
    return this.shelf(factKinds.sessionsOf).get(JSON.stringify([issuer, subject]));
  }

  client(clientId: string): Client | undefined {
    return this.#recall(this.memory.records.clients, factKinds.clients, clientId);
  }

  issuer(name: string): Issuer | undefined {
    return this.#recall(this.memory.records.issuers, factKinds.issuers, name);
  }

  thumbprints(issuer: string, kid: string): readonly string[] {
    return this.shelf(factKinds.thumbprints).get(JSON.stringify([issuer, kid]));
  }

  isUsed(digest: Digest): boolean {
    return this.shelf(factKinds.usedIds).get(digest);
  }

  together<T extends readonly unknown[]>(...asks: { [K in keyof T]: () => T[K] }): T {
    return this.each(asks, (ask) => ask()) as unknown as T;
  }

  each<Item, T>(items: readonly Item[], ask: (item: Item) => T): T[] {
    const answers: T[] = [];
    let missed: NotLoaded | undefined;
    for (const item of items) {
      try {
        answers.push(ask(item));
      } catch (error) {
        if (!(error instanceof NotLoaded)) throw error;
        missed = error;
      }
    }
    if (missed) throw missed;
    return answers;
  }

  protected shelf<Value>(kind: FactKind<Value>): Shelf<Value> {
    const known = this.#shelves.get(kind) as Shelf<Value> | undefined;
    if (known) return known;
    const shelf = new Shelf(kind);
    this.#shelves.set(kind, shelf as Shelf<unknown>);
    return shelf;
  }

  /** The registered token that is remembered under `name`, or found under `key`. */
  protected registered(
    kind: FactKind<RegisteredToken | undefined>,
    key: Digest,
    name: TokenName,
  ): RegisteredToken | undefined {
    if (!this.memory.mayBeRegistered(key, this.heads)) return undefined;
    const known = this.memory.token(name);
    if (known) return known;
    const found = this.shelf(kind).get(key);
    this.memory.keep(name, found, this.heads);
    return found;
  }

  /** False for nearly all tokens: then nothing is looked up. */
  protected mayBeCovered(claims: Claims): boolean {
    return this.memory.mayBeCovered(claims, this.heads);
  }

  protected coverageOf(key: TargetKey): readonly Revocation[] {
    return this.memory.mayBeRevoked(key, this.heads) ? this.shelf(factKinds.coverage).get(key) : [];
  }

  /** The kinds of target that were ever revoked in every issuer at once. */
  protected kindsEverywhere(): ReadonlySet<TargetKind> {
    return (
      this.memory.kindsEverywhere(this.heads) ?? this.shelf(factKinds.kindsEverywhere).get(factKinds.theOne)
    );
  }

  protected isClientSuspended(clientId: string): boolean {
    return this.memory.records.isClientSuspended(clientId);
  }

  protected isIssuerSuspended(name: string): boolean {
    return this.memory.records.isIssuerSuspended(name);
  }

  /** From memory; otherwise looked up, and then remembered. */
  #recall<Value>(known: LRUCache<string, Found<Value>>, kind: FactKind<Value>, key: string): Value {
    const found = known.get(key);
    if (found) return found.value;
    const value = this.shelf(kind).get(key);
    if (this.memory.isAsOf(this.heads)) known.set(key, { value });
    return value;
  }

  #keysOf(claims: Claims): TargetKey[] {
    const keys = this.#keys.get(claims) ?? keysOf(claims);
    this.#keys.set(claims, keys);
    return keys;
  }

  /** The token's keys for revocations in every issuer. */
  #keysEverywhere(claims: Claims): TargetKey[] {
    return targetsEverywhere(claims, this.kindsEverywhere()).map(targetKey);
  }

  /** Is the token's client or issuer suspended? */
  #areSuspended({ clientId, issuer }: Claims): boolean {
    return (clientId !== null && this.isClientSuspended(clientId)) || this.isIssuerSuspended(issuer);
  }
}
