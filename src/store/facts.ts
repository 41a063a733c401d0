// Facts for many questions at once. A function that asks for a fact not at hand is interrupted; what all
// of them lack is then loaded together, one query per kind of fact, and they run again.
//
// On top of what was loaded lies what the decisions of the same batch have changed, so that each sees the
// effects of those before it.
import type { Knex } from 'knex';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import type { Client } from '../domain/clients.ts';
import {
  covers,
  decisive,
  forever,
  keysOf,
  type LoggedRevocation,
  type Revocation,
} from '../domain/cutoffs.ts';
import type { Issuer } from '../domain/issuers.ts';
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
import {
  type Target,
  type TargetKey,
  type TargetKind,
  targetKey,
  targetsEverywhere,
} from '../domain/targets.ts';
import type { Standing } from '../domain/verdict.ts';
import { Changes, changeClient, changeIssuer, clientOf, issuerOf } from './changes.ts';
import { findClients, findSuspended } from './clients.ts';
import { findRemembered } from './idempotency-keys.ts';
import { findIssuers, findSuspendedIssuers, listThumbprints } from './issuers.ts';
import type { Heads, Memory } from './memory.ts';
import { recall } from './purge.ts';
import { listCoverage, listKindsEverywhere, listUnderKeys, type NumberedRevocation } from './revocations.ts';
import { findSessions, listSessionsOf } from './sessions.ts';
import { NotLoaded, Shelf } from './shelf.ts';
import { findGrants, findTokens, listUnexpired } from './tokens.ts';
import { findUsedIds } from './used-ids.ts';

/** The one key of the shelf that holds which kinds were revoked in every issuer. */
const everywhere = 'everywhere';

/** Effects as they are to be written. */
export interface AppliedEffects extends Effects {
  readonly revocations: readonly NumberedRevocation[];
  readonly seqs: Seqs;
}

const bearerColumns = { grant: 'grant_id', session: 'session_id' } as const;

export class LoadedFacts implements Facts {
  readonly #tokens = new Shelf<RegisteredToken | undefined>();
  readonly #coverage = new Shelf<readonly Revocation[]>();
  readonly #suspended = new Shelf<boolean>();
  readonly #sessions = new Shelf<Session | undefined>();
  readonly #grants = new Shelf<Grant | undefined>();
  readonly #bearers = new Shelf<readonly RegisteredToken[]>();
  readonly #sessionsOf = new Shelf<readonly Session[]>();
  readonly #clients = new Shelf<Client | undefined>();
  readonly #purgedUntil = new Shelf<number>();
  readonly #kindsEverywhere = new Shelf<readonly TargetKind[]>();
  readonly #histories = new Shelf<readonly LoggedRevocation[]>();
  readonly #remembered = new Shelf<Remembered | undefined>();
  readonly #issuers = new Shelf<Issuer | undefined>();
  readonly #suspendedIssuers = new Shelf<boolean>();
  readonly #thumbprints = new Shelf<readonly string[]>();
  readonly #usedIds = new Shelf<boolean>();
  #changes = new Changes();
  /** Questions may use what is remembered; decisions look everything up within their transaction. */
  readonly #memory: { readonly memory: Memory; readonly heads: Heads } | null;

  constructor(remembered: { memory: Memory; heads: Heads } | null = null) {
    this.#memory = remembered;
  }

  /** Loads, in `db`, all that was asked for and missing. */
  async load(db: Knex, now: number): Promise<void> {
    await this.#tokens.fill(async (digests) => {
      const tokens = await findTokens(db, digests);
      this.#memory?.memory.keep(tokens);
      return byKey(tokens, (token) => token.digest);
    }, undefined);
    await this.#coverage.fill(async (keys) => groupByKey(await listCoverage(db, keys)), []);
    await this.#kindsEverywhere.fill(async () => [[everywhere, await listKindsEverywhere(db)]], []);
    await this.#suspended.fill(async (ids) => (await findSuspended(db, ids)).map((id) => [id, true]), false);
    await this.#sessions.fill(
      async (ids) => byKey(await findSessions(db, ids), (s) => s.sessionId),
      undefined,
    );
    await this.#grants.fill(async (ids) => byKey(await findGrants(db, ids), (g) => g.grantId), undefined);
    await this.#clients.fill(async (ids) => byKey(await findClients(db, ids), (c) => c.clientId), undefined);
    await this.#purgedUntil.fill(async ([name]) => [[name as string, await recall(db, 'purged_until')]], 0);
    await this.#issuers.fill(
      async (names) => byKey(await findIssuers(db, names), (i) => i.issuer),
      undefined,
    );
    await this.#suspendedIssuers.fill(
      async (names) => (await findSuspendedIssuers(db, names)).map((name) => [name, true]),
      false,
    );
    await this.#usedIds.fill(
      async (digests) => (await findUsedIds(db, digests)).map((d) => [d, true]),
      false,
    );
    await this.#remembered.fill((digests) => findRemembered(db, digests, now), undefined);
    await this.#histories.fill(
      (keys) =>
        eachOf(keys, async (key) => {
          const [issuedAt, targetKeys] = JSON.parse(key) as [number, TargetKey[]];
          return listUnderKeys(db, targetKeys, issuedAt, historyMax);
        }),
      [],
    );
    await this.#thumbprints.fill(
      (keys) =>
        eachOf(keys, async (key) => {
          const [issuer, kid] = JSON.parse(key) as [string, string];
          return listThumbprints(db, issuer, kid);
        }),
      [],
    );
    await this.#bearers.fill(
      (keys) =>
        eachOf(keys, async (key) => {
          const [kind, id] = JSON.parse(key) as ['grant' | 'session', string];
          return listUnexpired(db, bearerColumns[kind], id, now, bearersMax);
        }),
      [],
    );
    await this.#sessionsOf.fill(
      (keys) =>
        eachOf(keys, async (key) => {
          const [issuer, subject] = JSON.parse(key) as [string, string];
          return listSessionsOf(db, issuer, subject, now, sessionsMax);
        }),
      [],
    );
  }

  token(digest: Digest): RegisteredToken | undefined {
    return this.#memory?.memory.token(digest) ?? this.#changes.tokens.get(digest) ?? this.#tokens.get(digest);
  }

  standing(claims: Claims): Standing {
    const suspended = this.#areSuspended(claims);
    if (this.#memory && !this.#memory.memory.mayBeCovered(claims, this.#memory.heads))
      return { coveredBy: [], suspended };
    const own = keysOf(claims);
    const [ownRows, furtherKeys] = this.together(
      () => this.together(...own.map((key) => () => this.#coverageOf(key))).flat(),
      () => this.#keysEverywhere(claims),
    );
    const further = this.together(...furtherKeys.map((key) => () => this.#coverageOf(key))).flat();
    const keys = [...own, ...furtherKeys];
    return { coveredBy: [...ownRows, ...further].filter((row) => covers(row, keys, claims)), suspended };
  }

  final(target: Target): Revocation | undefined {
    return this.#coverageOf(targetKey(target)).find((row) => row.cutoff === forever);
  }

  history(claims: Claims): readonly LoggedRevocation[] {
    const keys = [...keysOf(claims), ...this.#keysEverywhere(claims)];
    const rows = this.#histories.get(JSON.stringify([claims.issuedAt, keys]));
    return rows.filter((row) => covers(row, keys, claims));
  }

  remembered(keyDigest: Digest): Remembered | undefined {
    return this.#changes.remembered.get(keyDigest) ?? this.#remembered.get(keyDigest);
  }

  session(sessionId: string): Session | undefined {
    return this.#changes.sessions.get(sessionId) ?? this.#sessions.get(sessionId);
  }

  grant(grantId: string): Grant | undefined {
    return this.#changes.grants.get(grantId) ?? this.#grants.get(grantId);
  }

  unexpiredBearers(target: Target): readonly RegisteredToken[] {
    if (target.kind !== 'grant' && target.kind !== 'session') return [];
    const id = target.kind === 'grant' ? 'grantId' : 'sessionId';
    const added = [...this.#changes.tokens.values()].filter((token) => token[id] === target.id);
    return [...added, ...this.#bearers.get(JSON.stringify([target.kind, target.id]))].slice(0, bearersMax);
  }

  sessionsOf(issuer: string, subject: string): readonly Session[] {
    const known = this.#sessionsOf.get(JSON.stringify([issuer, subject]));
    const isTheirs = (session: Session) => session.issuer === issuer && session.subject === subject;
    const added = [...this.#changes.sessions.values()].filter(
      (session) => isTheirs(session) && !known.some((other) => other.sessionId === session.sessionId),
    );
    return [...added, ...known].slice(0, sessionsMax);
  }

  client(clientId: string): Client | undefined {
    const client = this.#clients.get(clientId);
    return this.#changes.clients.reduce<Client | undefined>(
      (changed, change) => (clientOf(change) === clientId ? changeClient(changed, change) : changed),
      client,
    );
  }

  purgedUntil(): number {
    return this.#purgedUntil.get('');
  }

  issuer(name: string): Issuer | undefined {
    const issuer = this.#issuers.get(name);
    return this.#changes.issuers.reduce<Issuer | undefined>(
      (changed, change) => (issuerOf(change) === name ? changeIssuer(changed, change) : changed),
      issuer,
    );
  }

  thumbprints(issuer: string, kid: string): readonly string[] {
    return this.#thumbprints.get(JSON.stringify([issuer, kid]));
  }

  isUsed(digest: Digest): boolean {
    return this.#changes.usedIds.has(digest) || this.#usedIds.get(digest);
  }

  together<T extends readonly unknown[]>(...asks: { [K in keyof T]: () => T[K] }): T {
    const missed: NotLoaded[] = [];
    const answers = asks.map((ask) => {
      try {
        return ask();
      } catch (error) {
        if (!(error instanceof NotLoaded)) throw error;
        missed.push(error);
        return undefined;
      }
    });
    if (missed[0]) throw missed[0];
    return answers as unknown as T;
  }

  /** Forgets the changes: the decisions run again from the first; revocations are numbered from `seqBefore`. */
  rewind(seqBefore: number, now: number): void {
    this.#changes = new Changes(seqBefore, now);
  }

  /**
   * Lays the effects of a decision over the facts; returns them as they are to be written: sessions merged
   * with what is known of them, revocations numbered, without the final ones that are already there.
   */
  apply(effects: Effects): AppliedEffects {
    const wanted = effects.revocations ?? [];
    this.together(
      ...wanted.map(
        ({ target }) =>
          () =>
            this.#coverageOf(targetKey(target)),
      ),
    );
    const sessions = (effects.sessions ?? []).map((session) =>
      touched(this.session(session.sessionId), session),
    );
    const revocations: NumberedRevocation[] = [];
    const seqs = wanted.map((revocation) => {
      const rows = this.#coverageOf(targetKey(revocation.target));
      const earlier = revocation.cutoff === forever ? rows.find((row) => row.cutoff === forever) : undefined;
      if (earlier) return earlier.seq;
      const numbered = this.#changes.addRevocation(revocation);
      revocations.push(numbered);
      return numbered.seq;
    });
    for (const token of effects.tokens ?? []) this.#changes.addToken(token);
    for (const session of sessions) this.#changes.sessions.set(session.sessionId, session);
    this.#changes.clients.push(...(effects.clients ?? []));
    this.#changes.issuers.push(...(effects.issuers ?? []));
    for (const { digest } of effects.usedIds ?? []) this.#changes.usedIds.add(digest);
    return { ...effects, sessions, revocations, seqs };
  }

  /** For decisions of the same batch that repeat the order. */
  remember(keyDigest: Digest, remembered: Remembered): void {
    this.#changes.remembered.set(keyDigest, remembered);
  }

  /** How `cutoffs` is to change, so that it again holds what decides. */
  cutoffChanges(): { dropped: number[]; added: NumberedRevocation[] } {
    const dropped: number[] = [];
    const added: NumberedRevocation[] = [];
    for (const [key, rows] of this.#changes.revocations) {
      const cutoffs = rows.filter((row) => row.cutoff !== forever);
      if (cutoffs.length === 0) continue;
      const known = this.#coverage.get(key).filter((row) => row.cutoff !== forever);
      const kept = decisive([...known, ...cutoffs]);
      dropped.push(...known.filter((row) => !kept.includes(row)).map((row) => row.seq));
      for (const row of kept) {
        const numbered = this.#changes.numbered.get(row.seq);
        if (numbered) added.push(numbered);
      }
    }
    return { dropped, added };
  }

  #coverageOf(key: TargetKey): readonly Revocation[] {
    const rows = this.#coverage.get(key);
    const added = this.#changes.revocations.get(key);
    return added ? [...rows, ...added] : rows;
  }

  /** The token's keys that hold in every issuer: only of kinds that were ever revoked so. */
  #keysEverywhere(claims: Claims): TargetKey[] {
    const kinds = new Set([...this.#kindsEverywhere.get(everywhere), ...this.#changes.kindsEverywhere]);
    return targetsEverywhere(claims, kinds).map(targetKey);
  }

  /** Is the token's client or issuer suspended? */
  #areSuspended(claims: Claims): boolean {
    if (this.#memory) return this.#memory.memory.isSuspended(claims);
    return this.together(
      () => claims.clientId !== null && this.#isSuspended(claims.clientId),
      () => this.#isIssuerSuspended(claims.issuer),
    ).includes(true);
  }

  #isSuspended(clientId: string): boolean {
    const switches = this.#changes.clients.filter((change) => change.kind === 'set_disabled');
    const last = switches.findLast((change) => change.clientId === clientId);
    return last ? last.at !== null : this.#suspended.get(clientId);
  }

  #isIssuerSuspended(name: string): boolean {
    const switches = this.#changes.issuers.filter((change) => change.kind === 'set_disabled');
    const last = switches.findLast((change) => change.issuer === name);
    return last ? last.at !== null : this.#suspendedIssuers.get(name);
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

function byKey<Value>(values: readonly Value[], keyOf: (value: Value) => string): [string, Value][] {
  return values.map((value) => [keyOf(value), value]);
}

function groupByKey(rows: readonly Revocation[]): Map<TargetKey, Revocation[]> {
  const groups = new Map<TargetKey, Revocation[]>();
  for (const row of rows) {
    const group = groups.get(row.key);
    if (group) group.push(row);
    else groups.set(row.key, [row]);
  }
  return groups;
}

async function eachOf<Value>(
  keys: readonly string[],
  load: (key: string) => Promise<Value>,
): Promise<[string, Value][]> {
  const found: [string, Value][] = [];
  for (const key of keys) found.push([key, await load(key)]);
  return found;
}
