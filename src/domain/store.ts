// The port: what the rules need from storage, and what storage promises them.
//
// Rules are written as questions and decisions: plain functions of facts and of the time. Storage loads
// the facts, for many of them at once, and makes what was decided durable, many together. So the rules
// neither wait nor batch, and batching can change no answer.
import type { NewEvent } from './audit.ts';
import type { Claims, Digest, RegisteredToken } from './claims.ts';
import type { Client, ClientSecret } from './clients.ts';
import type { LoggedRevocation, NewRevocation, Revocation } from './cutoffs.ts';
import type { Issuer } from './issuers.ts';
import type { Grant, Session } from './sessions.ts';
import type { Target, TargetKey, TargetKind } from './targets.ts';
import type { RecordedEvent } from './trail/audit-leaf.ts';
import type { UpkeepStore } from './upkeep-store.ts';
import type { Standing } from './verdict.ts';

/**
 * What a question or a decision may ask, all as of one instant.
 *
 * A fact that is not at hand yet interrupts the function; it is loaded and the function runs again from its start. So
 * these functions must be free of side effects, and should ask for facts that do not depend on each other at once: by
 * `together` or `each`.
 */
export interface Facts {
  /** The registered token with this digest of its whole string. */
  token(digest: Digest): RegisteredToken | undefined;
  /** The registered JWT with this digest of its signing input. */
  jwt(tokenDigest: Digest): RegisteredToken | undefined;
  /** What stands against a token: revocations that cover it, suspension. */
  standing(claims: Claims): Standing;
  /** The final revocation of a target. */
  final(target: Target): Revocation | undefined;
  /** Every row of the log that covers a token, oldest first, at most `historyMax`. */
  history(claims: Claims): readonly LoggedRevocation[];
  session(sessionId: string): Session | undefined;
  grant(grantId: string): Grant | undefined;
  /** Registered tokens of a grant or session that have not expired: the newest `bearersMax` of them. */
  unexpiredBearers(target: Target): readonly RegisteredToken[];
  /** Unexpired sessions of a user, newest first, at most `sessionsMax`. */
  sessionsOf(issuer: string, subject: string): readonly Session[];
  client(clientId: string): Client | undefined;
  /**
   * Could a revocation of a token issued at or after `issuedFrom` and ending at `expiresAt` have been purged? Then
   * the token is unknown and is not registered. Happens after TOKEN_LIFETIME_DAYS_MAX was raised, or when the purging
   * clock was ahead.
   */
  isForgotten(issuedFrom: number, expiresAt: number): boolean;
  /** The outcome of the order that was given under this idempotency key, unless it has expired. */
  remembered(keyDigest: Digest): Remembered | undefined;
  issuer(name: string): Issuer | undefined;
  /** Thumbprints of the keys that this issuer has ever named by this kid. */
  thumbprints(issuer: string, kid: string): readonly string[];
  /** Has an id with this digest been used up? */
  isUsed(digest: Digest): boolean;
  /** Asks several facts at once. */
  together<T extends readonly unknown[]>(...asks: { [K in keyof T]: () => T[K] }): T;
  /** Asks the same of each item at once; the answers are in the order of the items. */
  each<Item, T>(items: readonly Item[], ask: (item: Item) => T): T[];
}

/** How many bearers of one grant or session storage looks at; if there are more, some are assumed to be alive. */
export const bearersMax = 200;
export const sessionsMax = 1000;
export const historyMax = 100;

/** The outcome of an order, kept for its repetition. */
export interface Remembered {
  readonly requestDigest: Digest;
  readonly outcome: unknown;
}

/** Asks for the outcome of a decision, which must be plain JSON, to be kept. */
export interface Remember {
  readonly keyDigest: Digest;
  readonly requestDigest: Digest;
  readonly expiresAt: number;
}

export type ClientChange =
  | { readonly kind: 'insert'; readonly client: Client }
  /** The whole record but its secrets. */
  | { readonly kind: 'update'; readonly client: Client }
  | { readonly kind: 'insert_secret'; readonly clientId: string; readonly secret: ClientSecret }
  | {
      readonly kind: 'expire_secrets';
      readonly clientId: string;
      readonly except: string;
      readonly at: number;
    }
  | { readonly kind: 'set_disabled'; readonly clientId: string; readonly at: number | null };

export type IssuerChange =
  | { readonly kind: 'insert'; readonly issuer: Issuer }
  | { readonly kind: 'update'; readonly issuer: Issuer }
  | { readonly kind: 'set_disabled'; readonly issuer: string; readonly at: number | null }
  | { readonly kind: 'set_keys_stale'; readonly issuer: string; readonly at: number };

/** Which key a `kid` has named. */
export interface IssuerKey {
  readonly issuer: string;
  readonly kid: string;
  readonly thumbprint: string;
}

/** An id that counts once; its digest covers the id's kind and its giver. */
export interface UsedId {
  readonly digest: Digest;
  readonly kind: 'assertion' | 'inbox';
  readonly expiresAt: number;
}

/** What a decision changes. All of it is committed together, or none. */
export interface Effects {
  readonly tokens?: readonly RegisteredToken[];
  /** Inserted when its id is new; otherwise activity and expiry move forward. */
  readonly sessions?: readonly Session[];
  /** Final ones that already exist are left alone. */
  readonly revocations?: readonly NewRevocation[];
  readonly clients?: readonly ClientChange[];
  readonly issuers?: readonly IssuerChange[];
  /** Those that already exist are left alone. */
  readonly issuerKeys?: readonly IssuerKey[];
  readonly usedIds?: readonly UsedId[];
  readonly events?: readonly NewEvent[];
  readonly remember?: Remember;
}

/**
 * Sequence numbers of the decision's revocations, in its order; for a final one that existed before, that row's
 * number.
 */
export type Seqs = readonly number[];

export interface Decision<Outcome> {
  /** A function if the outcome contains the sequence numbers of the revocations. */
  readonly outcome: Outcome | ((seqs: Seqs) => Outcome);
  readonly effects: Effects;
}

export interface SessionPosition {
  readonly createdAt: number;
  readonly sessionId: string;
}

export interface BearerPage {
  readonly tokens: readonly RegisteredToken[];
  /** Where the next page starts; null when this was the last. */
  readonly next: readonly number[] | null;
}

export interface RevocationFilter {
  readonly key?: TargetKey;
  readonly kind?: TargetKind;
  readonly issuer?: string;
  readonly reason?: string;
  /** Half-open, milliseconds. */
  readonly from?: number;
  readonly to?: number;
}

export interface EventFilter {
  readonly userId?: string;
  readonly clientId?: string;
  readonly sessionId?: string;
  readonly tokenRef?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly actorKind?: string;
  readonly actorId?: string;
  readonly ip?: string;
  readonly requestId?: string;
  /** Half-open, milliseconds. */
  readonly from?: number;
  readonly to?: number;
  /** Only events at or below this sequence number (the head when a walk began). */
  readonly through: number;
}

/** Events of one action and reason within one interval of time. */
export interface EventCount {
  /** The beginning of the interval, milliseconds. */
  readonly at: number;
  readonly action: string;
  readonly reason: string | null;
  readonly events: number;
  /** Occurrences: an event may stand for many. */
  readonly count: number;
}

/**
 * The line in which a question or a decision waits; earlier lines go first. `vouched`: an authenticated caller, an
 * operator or the server itself stands behind it. `bulk`: the same, but for mass traffic (introspections,
 * registrations), so that revocations go first. `unvouched`: nobody stands behind it (public clients, strangers with
 * something that may be a token); the line is short and gets a small share.
 */
export const waitingLines = ['vouched', 'bulk', 'unvouched'] as const;
export type WaitingLine = (typeof waitingLines)[number];

/** Storage cannot answer or cannot promise durability: 503, and nothing was said. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
}

const ofLine: Readonly<Record<WaitingLine, string>> = {
  vouched: 'requests',
  bulk: 'introspections and registrations',
  unvouched: 'requests without client authentication',
};

/** A line is full, or an item waited in it for too long. The message may leave the process. */
export class StoreOverloaded extends StoreUnavailable {
  override readonly name = 'StoreOverloaded';
  readonly line: WaitingLine;

  constructor(line: WaitingLine, what: string) {
    super(`${what}; try again`);
    this.line = line;
  }

  static full(line: WaitingLine, waitingMax: number): StoreOverloaded {
    return new StoreOverloaded(line, `too many ${ofLine[line]} wait, at most ${waitingMax} may`);
  }

  static late(line: WaitingLine, waitMsMax: number): StoreOverloaded {
    return new StoreOverloaded(line, `it waited for over ${waitMsMax / 1000} seconds`);
  }
}

/**
 * Every method rejects with `StoreUnavailable` when the database cannot be reached or refuses the write. Questions
 * and decisions reject with `StoreOverloaded`: at once when their line (default `vouched`) is full, or later when
 * they have waited in it for too long.
 */
export interface Store {
  /** Answers from what is committed when it is asked; never from a replica or a cache. */
  ask<T>(question: (facts: Facts, now: number) => T, line?: WaitingLine): Promise<T>;
  /**
   * Runs a decision as if alone, one after another across all processes, and resolves once its effects
   * are durable. A decision sees the effects of all before it.
   */
  write<T>(decide: (facts: Facts, now: number) => Decision<T>, line?: WaitingLine): Promise<T>;
  /**
   * Fills the memory that spares most verdicts a query; returns when done, at the latest after `msMax`. Never
   * rejects. Without it the first answers are right but slow.
   */
  warmUp(msMax: number): Promise<void>;
  /** Newest first, at most `limit`, starting below `before`. */
  listEvents(filter: EventFilter, before: number, limit: number): Promise<RecordedEvent[]>;
  /** Oldest first, at most `limit`, starting above `after`. */
  listEventsAfter(filter: EventFilter, after: number, limit: number): Promise<RecordedEvent[]>;
  findEvent(seq: number): Promise<RecordedEvent | undefined>;
  /** At most `limit`, by time, action and reason. */
  countEvents(filter: EventFilter, intervalMs: number, limit: number): Promise<EventCount[]>;
  /** Sequence number of the newest event. */
  findEventHead(): Promise<number>;
  /** Newest first, at most `limit`, starting below `before`. */
  listRevocations(filter: RevocationFilter, before: number, limit: number): Promise<LoggedRevocation[]>;
  findRevocation(seq: number): Promise<LoggedRevocation | undefined>;
  /**
   * Unexpired registered tokens that bear a target, for a count: a page may be empty though more follow.
   * `after` is the `next` of the page before, or empty.
   */
  listBearers(target: Target, after: readonly number[], limit: number): Promise<BearerPage>;
  /** Unexpired sessions of a user, newest first, at most `limit`, starting after the session `after`. */
  listSessions(
    issuer: string,
    subject: string,
    after: SessionPosition | null,
    limit: number,
  ): Promise<Session[]>;
  /** Moves the last activity of an issuer's sessions forward. A hint, which belongs to no decision. */
  touchSessions(issuer: string, sessionIds: readonly string[], at: number): Promise<void>;
  /** Ordered by client_id, at most `limit`, starting after `after`. */
  listClients(after: string, limit: number): Promise<Client[]>;
  /** Ordered by name, at most `limit`, starting after `after`. */
  listIssuers(after: string, limit: number): Promise<Issuer[]>;
  /** The issuers of the most recently registered tokens, each once. */
  listLatestIssuers(): Promise<string[]>;
  /** Browser origins that enabled clients list. */
  listOrigins(): Promise<ReadonlySet<string>>;
  /** What keeps the server from being ready, by check; empty when nothing does. */
  findFaults(): Promise<Record<string, string>>;
  /** For sealing, verifying, purging and erasing. */
  readonly upkeep: UpkeepStore;
  close(): Promise<void>;
}

/** The instant that decisions are taken at, by the clock that stamps them. */
export function nowOf(store: Store): Promise<number> {
  return store.write((_facts, now) => ({ outcome: now, effects: {} }));
}

/** Writes events that belong to no decision. */
export function recordEvents(store: Store, events: readonly NewEvent[], line?: WaitingLine): Promise<void> {
  return store.write(() => ({ outcome: undefined, effects: { events } }), line);
}
