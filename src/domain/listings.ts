// The part of the port that lists and counts what is stored, a page at a time. Each method is a query of its own, and
// sees what is committed when it runs.
import type { RegisteredToken } from './claims.ts';
import type { LoggedRevocation } from './cutoffs.ts';
import type { Client } from './records/clients.ts';
import type { Issuer } from './records/issuers.ts';
import type { Session } from './sessions.ts';
import type { Target, TargetKey, TargetKind } from './targets.ts';
import type { RecordedEvent } from './trail/audit-leaf.ts';

export interface Listings {
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
   * Unexpired registered tokens that bear a target, for a count. `after` is the `next` of the page before, or empty.
   * `limit` bounds pages of grants, sessions, users and tokens. For the other kinds, which no index finds, a page covers a
   * stretch of registrations: it may hold thousands, or be empty though more follow.
   */
  listTokensUnder(target: Target, after: readonly number[], limit: number): Promise<TokenPage>;
  /** Unexpired sessions of a user, newest first, at most `limit`, starting after the session `after`. */
  listSessions(
    issuer: string,
    subject: string,
    after: SessionPosition | null,
    limit: number,
  ): Promise<Session[]>;
  /** Ordered by client_id, at most `limit`, starting after `after`. */
  listClients(after: string, limit: number): Promise<Client[]>;
  /** Ordered by name, at most `limit`, starting after `after`. */
  listIssuers(after: string, limit: number): Promise<Issuer[]>;
  /** The issuers of the most recently registered tokens, each once. */
  listLatestIssuers(): Promise<string[]>;
  /** Browser origins that enabled clients list. */
  listOrigins(): Promise<ReadonlySet<string>>;
}

export interface SessionPosition {
  readonly createdAt: number;
  readonly sessionId: string;
}

export interface TokenPage {
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
