// The port: what the rules need from storage, and what storage promises them.
//
// Rules are written as questions and decisions: plain functions of facts and of the time. Storage loads
// the facts, for many of them at once, and makes what was decided durable, many together. So the rules
// neither wait nor batch, and batching can change no answer.
import type { NewEvent } from './audit.ts';
import type { RecordedEvent } from './audit-leaf.ts';
import type { Claims, Digest, RegisteredToken } from './claims.ts';
import type { Client, ClientSecret } from './clients.ts';
import type { NewRevocation } from './cutoffs.ts';
import type { Grant, Session } from './sessions.ts';
import type { Target } from './targets.ts';
import type { UpkeepStore } from './upkeep-store.ts';
import type { Standing } from './verdict.ts';

/**
 * What a question or a decision may ask, all as of one instant.
 *
 * A fact that is not at hand yet interrupts the function; it is loaded and the function runs again from
 * its start. So these functions must be free of side effects, and should ask `together` for what does
 * not depend on each other.
 */
export interface Facts {
  /** The registered token with this digest of its whole string. */
  token(digest: Digest): RegisteredToken | undefined;
  /** What stands against a token: revocations that cover it, suspension. */
  standing(claims: Claims): Standing;
  session(sessionId: string): Session | undefined;
  grant(grantId: string): Grant | undefined;
  /** Registered tokens of a grant or session that have not expired: the newest `bearersMax` of them. */
  unexpiredBearers(target: Target): readonly RegisteredToken[];
  /** Unexpired sessions of a user, newest first, at most `sessionsMax`. */
  sessionsOf(issuer: string, subject: string): readonly Session[];
  client(clientId: string): Client | undefined;
  /**
   * Of what was issued until this instant, a revocation that covered it may have been purged: a token that
   * old, of which nothing is known, cannot be vouched for. 0 when nothing was purged.
   */
  purgedUntil(): number;
  /** Asks several facts in one go. */
  together<T extends readonly unknown[]>(...asks: { [K in keyof T]: () => T[K] }): T;
}

/** Bearers of one grant or session that storage looks at; when there are more, some are taken to be alive. */
export const bearersMax = 32;
export const sessionsMax = 1000;

export type ClientChange =
  | { readonly kind: 'insert'; readonly client: Client }
  | { readonly kind: 'insert_secret'; readonly clientId: string; readonly secret: ClientSecret }
  | {
      readonly kind: 'expire_secrets';
      readonly clientId: string;
      readonly except: string;
      readonly at: number;
    }
  | { readonly kind: 'set_disabled'; readonly clientId: string; readonly at: number | null };

/** What a decision changes. All of it is committed together, or none. */
export interface Effects {
  readonly tokens?: readonly RegisteredToken[];
  /** Inserted when its id is new; otherwise activity and expiry move forward. */
  readonly sessions?: readonly Session[];
  /** Final ones that are already there are left alone. */
  readonly revocations?: readonly NewRevocation[];
  readonly clients?: readonly ClientChange[];
  readonly events?: readonly NewEvent[];
}

export interface Decision<Outcome> {
  readonly outcome: Outcome;
  readonly effects: Effects;
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
  readonly below: number;
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

/** Storage cannot answer or cannot promise durability: 503, and nothing was said. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/**
 * Every method rejects with `StoreUnavailable` when the database cannot be reached, is overloaded or
 * refuses the write.
 */
export interface Store {
  /** Answers from what is committed when it is asked; never from a replica or a cache. */
  ask<T>(question: (facts: Facts, now: number) => T): Promise<T>;
  /**
   * Runs a decision as if alone, one after another across all processes, and resolves once its effects
   * are durable. A decision sees the effects of all before it.
   */
  write<T>(decide: (facts: Facts, now: number) => Decision<T>): Promise<T>;
  /** Newest first, at most `limit`, starting below `before`. */
  listEvents(filter: EventFilter, before: number, limit: number): Promise<RecordedEvent[]>;
  /** Oldest first, at most `limit`, starting above `after`. */
  listEventsAfter(filter: EventFilter, after: number, limit: number): Promise<RecordedEvent[]>;
  findEvent(seq: number): Promise<RecordedEvent | undefined>;
  /** At most `limit`, by time, action and reason. */
  countEvents(filter: EventFilter, intervalMs: number, limit: number): Promise<EventCount[]>;
  /** Sequence number of the newest event. */
  findEventHead(): Promise<number>;
  /** Ordered by client_id, at most `limit`, starting after `after`. */
  listClients(after: string, limit: number): Promise<Client[]>;
  /** Browser origins that enabled clients list. */
  listOrigins(): Promise<ReadonlySet<string>>;
  /** What keeps the server from being ready, by check; empty when nothing does. */
  findFaults(): Promise<Record<string, string>>;
  /** For sealing, verifying, purging and erasing. */
  readonly upkeep: UpkeepStore;
  close(): Promise<void>;
}
