// Facts for many questions at once. A question that asks for a fact not at hand is interrupted; the missing facts of all
// questions are then loaded together, one query per kind of fact, and they run again. Here are those that are found as
// they are asked for, in memory or in the database; facts.ts adds what is made of several.
import type { Knex } from 'knex';
import type { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../../domain/claims.ts';
import type { Revocation } from '../../domain/cutoffs.ts';
import type { Client } from '../../domain/records/clients.ts';
import type { Issuer } from '../../domain/records/issuers.ts';
import type { Grant, Session } from '../../domain/sessions.ts';
import type { EarlierOutcome } from '../../domain/store.ts';
import type { Target, TargetKey, TargetKind } from '../../domain/targets.ts';
import { allOf } from '../all-of.ts';
import { jwtName, type Memory, type TokenName } from '../memory/memory.ts';
import type { Found } from '../memory/records.ts';
import type { Heads } from '../tables/heads.ts';
import * as factKinds from './fact-kinds.ts';
import { type FactKind, NotLoaded, Shelf } from './shelf.ts';

export class LookUps {
  /** Only for kinds that were asked for: most batches ask for one, or none. */
  readonly #shelves = new Map<unknown, Shelf<unknown>>();
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

  /** Takes in tokens that were looked up as of these very heads. */
  putTokens(digests: readonly Digest[], found: readonly RegisteredToken[]): void {
    if (digests.length === 0) return;
    this.shelf(factKinds.tokens).put(
      digests,
      found.map((token) => [token.digest, token]),
    );
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
    const known = this.memory.token(name, this.now);
    if (known) return known;
    const found = this.shelf(kind).get(key);
    this.memory.keep(name, found, this.heads, this.now);
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
}
