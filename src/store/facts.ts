// Facts for many questions at once. A function that asks for a fact not at hand is interrupted; what all
// of them lack is then loaded together, one query per kind of fact, and they run again.
//
// On top of what was loaded lies what the decisions of the same batch have changed, so that each sees the
// effects of those before it.
import type { Knex } from 'knex';
import type { Claims, Digest, RegisteredToken } from '../domain/claims.ts';
import type { Client } from '../domain/clients.ts';
import { covers, forever, keysOf, type NewRevocation, type Revocation } from '../domain/cutoffs.ts';
import type { Grant, Session } from '../domain/sessions.ts';
import { bearersMax, type ClientChange, type Effects, type Facts, sessionsMax } from '../domain/store.ts';
import { type Target, type TargetKey, targetKey } from '../domain/targets.ts';
import type { Standing } from '../domain/verdict.ts';
import { findClients, findSuspended } from './clients.ts';
import type { Memory } from './memory.ts';
import { recall } from './purge.ts';
import { listCoverage } from './revocations.ts';
import { findSessions, listSessionsOf } from './sessions.ts';
import { findGrants, findTokens, listUnexpired } from './tokens.ts';

/** Thrown through a question or decision that asked for a fact which is not loaded yet. */
export class NotLoaded extends Error {
  override readonly name = 'NotLoaded';
}
const notLoaded = new NotLoaded();

/** Values of one kind of fact: loaded ones by key, and the keys asked for in vain. */
class Shelf<Value> {
  readonly loaded = new Map<string, Value>();
  readonly wanted = new Set<string>();

  get(key: string): Value {
    const value = this.loaded.get(key);
    if (value !== undefined || this.loaded.has(key)) return value as Value;
    this.wanted.add(key);
    throw notLoaded;
  }

  /** Loads what is wanted; keys that `load` has nothing for get `absent`. */
  async fill(load: (keys: string[]) => Promise<Iterable<[string, Value]>>, absent: Value): Promise<void> {
    if (this.wanted.size === 0) return;
    const keys = [...this.wanted];
    this.wanted.clear();
    const found = await load(keys);
    for (const key of keys) this.loaded.set(key, absent);
    for (const [key, value] of found) this.loaded.set(key, value);
  }
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
  #changes = new Changes();
  /** Questions may use what is remembered; decisions look everything up within their transaction. */
  readonly #memory: Memory | null;
  readonly #head: number;

  constructor(memory: Memory | null = null, head = 0) {
    this.#memory = memory;
    this.#head = head;
  }

  /** Loads, in `db`, all that was asked for and missing. */
  async load(db: Knex, now: number): Promise<void> {
    await this.#tokens.fill(async (digests) => {
      const tokens = await findTokens(db, digests);
      this.#memory?.keep(tokens);
      return byKey(tokens, (token) => token.digest);
    }, undefined);
    await this.#coverage.fill(async (keys) => groupByKey(await listCoverage(db, keys)), []);
    await this.#suspended.fill(async (ids) => (await findSuspended(db, ids)).map((id) => [id, true]), false);
    await this.#sessions.fill(
      async (ids) => byKey(await findSessions(db, ids), (s) => s.sessionId),
      undefined,
    );
    await this.#grants.fill(async (ids) => byKey(await findGrants(db, ids), (g) => g.grantId), undefined);
    await this.#clients.fill(async (ids) => byKey(await findClients(db, ids), (c) => c.clientId), undefined);
    await this.#purgedUntil.fill(async ([name]) => [[name as string, await recall(db, 'purged_until')]], 0);
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
    return this.#memory?.token(digest) ?? this.#changes.tokens.get(digest) ?? this.#tokens.get(digest);
  }

  standing(claims: Claims): Standing {
    const suspended = claims.clientId !== null && this.#isSuspended(claims.clientId);
    if (this.#memory && !this.#memory.mayBeCovered(claims, this.#head)) return { coveredBy: [], suspended };
    const keys = keysOf(claims);
    const rows = this.together(...keys.map((key) => () => this.#coverageOf(key))).flat();
    return { coveredBy: rows.filter((row) => covers(row, keys, claims.issuedAt)), suspended };
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

  /** Forgets the changes: the decisions run again from the first. */
  rewind(): void {
    this.#changes = new Changes();
  }

  /**
   * Lays the effects of a decision over the facts; returns them as they are to be written: sessions merged
   * with what is known of them, without the final revocations that are already there.
   */
  apply(effects: Effects): Effects {
    const sessions = (effects.sessions ?? []).map((session) =>
      touched(this.session(session.sessionId), session),
    );
    const revocations = (effects.revocations ?? []).filter((revocation, n, all) => {
      if (revocation.cutoff !== forever) return true;
      const key = targetKey(revocation.target);
      const isRepeated = all.slice(0, n).some((earlier) => targetKey(earlier.target) === key);
      return (
        !isRepeated && !this.#coverageOf(key).some((row) => row.cutoff === forever && row.exceptKey === null)
      );
    });
    for (const token of effects.tokens ?? []) this.#changes.addToken(token);
    for (const session of sessions) this.#changes.sessions.set(session.sessionId, session);
    for (const revocation of revocations) this.#changes.addRevocation(revocation);
    this.#changes.clients.push(...(effects.clients ?? []));
    return { ...effects, sessions, revocations };
  }

  #coverageOf(key: TargetKey): readonly Revocation[] {
    const rows = this.#coverage.get(key);
    const added = this.#changes.revocations.get(key);
    return added ? [...rows, ...added] : rows;
  }

  #isSuspended(clientId: string): boolean {
    const switches = this.#changes.clients.filter((change) => change.kind === 'set_disabled');
    const last = switches.findLast((change) => change.clientId === clientId);
    return last ? last.at !== null : this.#suspended.get(clientId);
  }
}

/** What the decisions of one batch have changed so far. */
class Changes {
  readonly tokens = new Map<Digest, RegisteredToken>();
  readonly grants = new Map<string, Grant>();
  readonly sessions = new Map<string, Session>();
  readonly revocations = new Map<TargetKey, Revocation[]>();
  readonly clients: ClientChange[] = [];

  addToken(token: RegisteredToken): void {
    this.tokens.set(token.digest, token);
    const { grantId, issuer, subject, clientId } = token;
    if (grantId !== null && !this.grants.has(grantId))
      this.grants.set(grantId, { grantId, issuer, subject, clientId });
  }

  addRevocation({ target, cutoff, exceptKey, reason }: NewRevocation): void {
    const key = targetKey(target);
    const rows = this.revocations.get(key);
    const row = { key, cutoff, exceptKey, reason };
    if (rows) rows.push(row);
    else this.revocations.set(key, [row]);
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

function clientOf(change: ClientChange): string {
  return change.kind === 'insert' ? change.client.clientId : change.clientId;
}

function changeClient(client: Client | undefined, change: ClientChange): Client | undefined {
  if (change.kind === 'insert') return change.client;
  if (!client) return undefined;
  switch (change.kind) {
    case 'insert_secret':
      return { ...client, secrets: [...client.secrets, change.secret] };
    case 'expire_secrets': {
      const secrets = client.secrets.map((secret) =>
        secret.secretId === change.except ? secret : { ...secret, expiresAt: change.at },
      );
      return { ...client, secrets };
    }
    case 'set_disabled':
      return { ...client, disabledAt: change.at };
    default:
      return change satisfies never;
  }
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
