// Facts for many questions at once. A function that asks for a fact not at hand is interrupted; the missing facts of
// all functions are then loaded together, one query per kind of fact, and they run again.
//
// The loaded facts are overlaid with what the decisions of the same batch have changed, so that each sees the effects
// of those before it.
import type { Knex } from 'knex';
import type { LRUCache } from 'lru-cache';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import { type Client, changeClient } from '../domain/clients.ts';
import {
  covers,
  decisive,
  forever,
  keysOf,
  type LoggedRevocation,
  type Revocation,
} from '../domain/cutoffs.ts';
import { changeIssuer, type Issuer } from '../domain/issuers.ts';
import type { Grant, Session } from '../domain/sessions.ts';
import {
  bearersMax,
  type Effects,
  type Facts,
  historyMax,
  type Remembered,
  type Seqs,
  sessionsMax,
} from '../domain/store.ts';
import { type Target, type TargetKey, targetKey, targetsEverywhere } from '../domain/targets.ts';
import type { Standing } from '../domain/verdict.ts';
import { allOf } from './all-of.ts';
import { Changes, clientOf, issuerOf } from './changes.ts';
import * as factKinds from './fact-kinds.ts';
import { type Found, jwtName, type Memory, type TokenName } from './memory.ts';
import { type FactKind, NotLoaded, Shelf } from './shelf.ts';
import type { Heads } from './tables/heads.ts';
import type { NumberedRevocation } from './tables/revocations.ts';

/** Effects as they will be written. */
export interface AppliedEffects extends Effects {
  readonly revocations: readonly NumberedRevocation[];
  readonly seqs: Seqs;
}

/** Questions change nothing: they share this. */
const noChanges = new Changes();

/** No issuer's clock is assumed to be further ahead of ours than this, whatever CLOCK_SKEW_SECONDS is. */
const aheadMsMax = 600_000;

export class LoadedFacts implements Facts {
  /** Only for kinds that were asked for: most batches ask for one, or none. */
  readonly #shelves = new Map<unknown, Shelf<unknown>>();
  readonly #keys = new Map<Claims, TargetKey[]>();
  #changes = noChanges;
  readonly #memory: Memory;
  readonly #heads: Heads;
  readonly #now: number;
  readonly #isForDecisions: boolean;

  /** `memory` has been brought up to `heads`, which decisions have locked. */
  constructor(memory: Memory, heads: Heads, now: number, { isForDecisions = false } = {}) {
    this.#memory = memory;
    this.#heads = heads;
    this.#now = now;
    this.#isForDecisions = isForDecisions;
  }

  /** Loads, in `db`, all that was asked for and missing. Resolves to whether tokens were looked up in vain. */
  async load(db: Knex): Promise<boolean> {
    const before = this.#tokensAbsent();
    await allOf([...this.#shelves.values()].map((shelf) => shelf.fill(db, this.#now)));
    return this.#tokensAbsent() > before;
  }

  token(digest: Digest): RegisteredToken | undefined {
    return this.#changes.tokens.get(digest) ?? this.#registered(factKinds.tokens, digest, digest);
  }

  jwt(tokenDigest: Digest): RegisteredToken | undefined {
    const name = jwtName(tokenDigest);
    return this.#changes.jwts.get(tokenDigest) ?? this.#registered(factKinds.jwts, tokenDigest, name);
  }

  #tokensAbsent(): number {
    const shelves = [factKinds.tokens, factKinds.jwts].map((kind) => this.#shelves.get(kind));
    return shelves.reduce((sum, shelf) => sum + (shelf?.absences ?? 0), 0);
  }

  standing(claims: Claims): Standing {
    const suspended = this.#areSuspended(claims);
    if (!this.#mayBeCovered(claims)) return { coveredBy: [], suspended };
    const own = this.#keysOf(claims);
    const [ownRows, furtherKeys] = this.together(
      () => this.each(own, (key) => this.#coverageOf(key)).flat(),
      () => this.#keysEverywhere(claims),
    );
    const further = this.each(furtherKeys, (key) => this.#coverageOf(key)).flat();
    const keys = [...own, ...furtherKeys];
    return { coveredBy: [...ownRows, ...further].filter((row) => covers(row, keys, claims)), suspended };
  }

  final(target: Target): Revocation | undefined {
    return this.#coverageOf(targetKey(target)).find((row) => row.cutoff === forever);
  }

  history(claims: Claims): readonly LoggedRevocation[] {
    const keys = [...this.#keysOf(claims), ...this.#keysEverywhere(claims)];
    const rows = this.#shelf(factKinds.histories).get(JSON.stringify([claims.issuedAt, keys]));
    return rows.filter((row) => covers(row, keys, claims)).slice(0, historyMax);
  }

  remembered(keyDigest: Digest): Remembered | undefined {
    return this.#changes.remembered.get(keyDigest) ?? this.#shelf(factKinds.remembered).get(keyDigest);
  }

  session(sessionId: string): Session | undefined {
    return this.#changes.sessions.get(sessionId) ?? this.#shelf(factKinds.sessions).get(sessionId);
  }

  grant(grantId: string): Grant | undefined {
    return this.#changes.grants.get(grantId) ?? this.#shelf(factKinds.grants).get(grantId);
  }

  unexpiredBearers(target: Target): readonly RegisteredToken[] {
    if (target.kind !== 'grant' && target.kind !== 'session') return [];
    const id = target.kind === 'grant' ? 'grantId' : 'sessionId';
    const added = [...this.#changes.tokens.values()].filter(
      (token) => token[id] === target.id && token.issuer === target.issuer,
    );
    const key = JSON.stringify([target.kind, target.issuer, target.id]);
    const stored = this.#shelf(factKinds.bearers).get(key);
    return [...added, ...stored].slice(0, bearersMax);
  }

  sessionsOf(issuer: string, subject: string): readonly Session[] {
    const known = this.#shelf(factKinds.sessionsOf).get(JSON.stringify([issuer, subject]));
    const isTheirs = (session: Session) => session.issuer === issuer && session.subject === subject;
    const added = [...this.#changes.sessions.values()].filter(
      (session) => isTheirs(session) && !known.some((other) => other.sessionId === session.sessionId),
    );
    return [...added, ...known].slice(0, sessionsMax);
  }

  client(clientId: string): Client | undefined {
    const client = this.#recall(this.#memory.clients, factKinds.clients, clientId);
    return this.#changes.clients.reduce<Client | undefined>(
      (changed, change) => (clientOf(change) === clientId ? changeClient(changed, change) : changed),
      client,
    );
  }

  isForgotten(issuedFrom: number, expiresAt: number): boolean {
    const { until, endsUntil, endsKnownAt } = this.#memory.purged;
    // The token had ended by the clock of the purging process, but not yet by ours: its own revocation is gone.
    const endedThen = this.#now < expiresAt && expiresAt <= endsUntil;
    return (endedThen && issuedFrom <= endsKnownAt + aheadMsMax) || issuedFrom <= until;
  }

  issuer(name: string): Issuer | undefined {
    const issuer = this.#recall(this.#memory.issuers, factKinds.issuers, name);
    return this.#changes.issuers.reduce<Issuer | undefined>(
      (changed, change) => (issuerOf(change) === name ? changeIssuer(changed, change) : changed),
      issuer,
    );
  }

  thumbprints(issuer: string, kid: string): readonly string[] {
    return this.#shelf(factKinds.thumbprints).get(JSON.stringify([issuer, kid]));
  }

  isUsed(digest: Digest): boolean {
    return this.#changes.usedIds.has(digest) || this.#shelf(factKinds.usedIds).get(digest);
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

  /** Forgets the changes: the decisions run again from the first; revocations are numbered on from the heads. */
  rewind(): void {
    this.#changes = new Changes(this.#heads.revocation_seq, this.#now);
  }

  /**
   * Lays the effects of a decision over the facts; returns them as they are to be written: sessions merged
   * with what is known of them, revocations numbered, without the final ones that are already there.
   */
  apply(effects: Effects): AppliedEffects {
    const wanted = effects.revocations ?? [];
    const keys = wanted.map(({ target }) => targetKey(target));
    this.each(keys, (key) => this.#coverageOf(key));
    const sessions = (effects.sessions ?? []).map((session) =>
      touched(this.session(session.sessionId), session),
    );
    const revocations: NumberedRevocation[] = [];
    const seqs = wanted.map((revocation, n) => {
      const key = keys[n] as TargetKey;
      const rows = this.#coverageOf(key);
      const earlier = revocation.cutoff === forever ? rows.find((row) => row.cutoff === forever) : undefined;
      if (earlier) return earlier.seq;
      const numbered = this.#changes.addRevocation(revocation, key);
      revocations.push(numbered);
      return numbered.seq;
    });
    for (const token of effects.tokens ?? []) this.#changes.addToken(token);
    for (const session of sessions) this.#changes.sessions.set(session.sessionId, session);
    this.#changes.clients.push(...(effects.clients ?? []));
    this.#changes.issuers.push(...(effects.issuers ?? []));
    for (const { digest } of effects.usedIds ?? []) this.#changes.usedIds.add(digest);
    return { seqs, ...effects, sessions, revocations };
  }

  /** For repetitions of the order in the same batch. */
  remember(keyDigest: Digest, remembered: Remembered): void {
    this.#changes.remembered.set(keyDigest, remembered);
  }

  /** The changes to `cutoffs` after which it holds the deciding rows again. */
  cutoffChanges(): { dropped: number[]; added: NumberedRevocation[] } {
    const dropped: number[] = [];
    const added: NumberedRevocation[] = [];
    for (const [key, rows] of this.#changes.revocations) {
      const cutoffs = rows.filter((row) => row.cutoff !== forever);
      if (cutoffs.length === 0) continue;
      const known = this.#storedCoverageOf(key).filter((row) => row.cutoff !== forever);
      const kept = decisive([...known, ...cutoffs]);
      dropped.push(...known.filter((row) => !kept.includes(row)).map((row) => row.seq));
      for (const row of kept) {
        const numbered = this.#changes.numbered.get(row.seq);
        if (numbered) added.push(numbered);
      }
    }
    return { dropped, added };
  }

  /** Decisions always look registrations up: the memory of a token is true, but its row may have been purged. */
  #registered(
    kind: FactKind<RegisteredToken | undefined>,
    key: Digest,
    name: TokenName,
  ): RegisteredToken | undefined {
    if (!this.#memory.mayBeRegistered(key, this.#heads)) return undefined;
    if (this.#isForDecisions) return this.#shelf(kind).get(key);
    const known = this.#memory.token(name);
    if (known) return known;
    const found = this.#shelf(kind).get(key);
    this.#memory.keep(name, found, this.#heads);
    return found;
  }

  #shelf<Value>(kind: FactKind<Value>): Shelf<Value> {
    const known = this.#shelves.get(kind) as Shelf<Value> | undefined;
    if (known) return known;
    const shelf = new Shelf(kind);
    this.#shelves.set(kind, shelf as Shelf<unknown>);
    return shelf;
  }

  /** From memory; otherwise looked up, and then remembered. */
  #recall<Value>(known: LRUCache<string, Found<Value>>, kind: FactKind<Value>, key: string): Value {
    const found = known.get(key);
    if (found) return found.value;
    const value = this.#shelf(kind).get(key);
    if (this.#memory.isAsOf(this.#heads)) known.set(key, { value });
    return value;
  }

  /** False for nearly all tokens: then nothing is looked up. */
  #mayBeCovered(claims: Claims): boolean {
    if (!this.#isForDecisions) return this.#memory.mayBeCovered(claims, this.#heads);
    const { revocations, revokedKinds, kindsEverywhere } = this.#changes;
    return (
      kindsEverywhere.size > 0 ||
      this.#memory.mayBeCovered(claims, this.#heads) ||
      keysOf(claims, revokedKinds).some((key) => revocations.has(key))
    );
  }

  #coverageOf(key: TargetKey): readonly Revocation[] {
    const rows = this.#storedCoverageOf(key);
    const added = this.#changes.revocations.get(key);
    return added ? [...rows, ...added] : rows;
  }

  #storedCoverageOf(key: TargetKey): readonly Revocation[] {
    return this.#memory.mayBeRevoked(key, this.#heads) ? this.#shelf(factKinds.coverage).get(key) : [];
  }

  #keysOf(claims: Claims): TargetKey[] {
    const keys = this.#keys.get(claims) ?? keysOf(claims);
    this.#keys.set(claims, keys);
    return keys;
  }

  /** The token's keys for revocations in every issuer, of the kinds that were ever revoked so. */
  #keysEverywhere(claims: Claims): TargetKey[] {
    const stored =
      this.#memory.kindsEverywhere(this.#heads) ??
      this.#shelf(factKinds.kindsEverywhere).get(factKinds.theOne);
    return targetsEverywhere(claims, new Set([...stored, ...this.#changes.kindsEverywhere])).map(targetKey);
  }

  /** Is the token's client or issuer suspended? */
  #areSuspended({ clientId, issuer }: Claims): boolean {
    return (clientId !== null && this.#isClientSuspended(clientId)) || this.#isIssuerSuspended(issuer);
  }

  #isClientSuspended(clientId: string): boolean {
    const last = this.#changes.switchOfClient(clientId);
    return last ? last.at !== null : this.#memory.isClientSuspended(clientId);
  }

  #isIssuerSuspended(name: string): boolean {
    const last = this.#changes.switchOfIssuer(name);
    return last ? last.at !== null : this.#memory.isIssuerSuspended(name);
  }
}

function touched(known: Session | undefined, session: Session): Session {
  if (!known) return session;
  return {
    ...known,
    lastActiveAt: Math.max(known.lastActiveAt, session.lastActiveAt),
    expiresAt: Math.max(known.expiresAt, session.expiresAt),
  };
}
