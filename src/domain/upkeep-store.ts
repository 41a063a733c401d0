// The port for work beside the requests: sealing, verifying, purging, erasing. All of it works in small steps, each a
// short transaction of its own, so that no request waits for more than one of them.
import type { Digest, RegisteredToken } from './claims.ts';
import type { CheckedEvent } from './trail/verify-trail.ts';

export interface StoredSeal {
  readonly number: number;
  readonly first: number;
  readonly last: number;
  /** Time of its last event, milliseconds. */
  readonly lastAt: number;
  /** Seconds, as in the seal itself. */
  readonly sealedAt: number;
  readonly jws: string;
}

/** The kinds of rows that are deleted when their time has come, in this order; purge/purge-rules.ts says when that is. */
export const purgeKinds = [
  'tokens',
  // Registered JWTs whose row is kept beyond their registration: see `RegisteredToken.purgeAfter`.
  'jwts',
  'sessions',
  'revocations',
  'cutoffs',
  'used_ids',
  'idempotency_keys',
  'client_secrets',
] as const;
export type PurgeKind = (typeof purgeKinds)[number];

/** The rows of one kind that may be deleted now. */
export interface DueRows {
  readonly kind: PurgeKind;
  /** Those that ended before this instant are due. */
  readonly before: number;
  /**
   * No token that was issued earlier can still be alive. Revocations that name several tokens are due only if they
   * were written before this; rows with an open end, only if their token was issued before it.
   */
  readonly livingIssuedFrom: number;
}

/** Sessions that a revocation of theirs ended before `before` and that expire at `unexpiredSince` or later. */
export interface EndedSessions {
  readonly before: number;
  readonly unexpiredSince: number;
}

/** The numbers that upkeep keeps between runs. */
export type UpkeepNote =
  | 'seal_file_sent'
  | 'seal_webhook_sent'
  | 'sessions_ended_seen'
  | 'purged_until'
  | 'ends_purged_until'
  | 'ends_purged_at'
  | 'erasures'
  | 'lifetime_days_max'
  | 'purge_succeeded_at';

export type Exclusive = 'seal' | 'purge';

/** What one step deleted, and whether nothing is left to delete. */
export interface PurgeStep {
  readonly purged: number;
  readonly isDone: boolean;
}

/** How many sessions an erasure deleted, and how many it had to leave. */
export interface ErasedSessions {
  readonly erased: number;
  readonly left: number;
}

/** A registered token, and its place in the order of registration. */
export interface StoredToken {
  readonly id: number;
  readonly token: RegisteredToken;
}

export interface UpkeepStore {
  /**
   * Runs `work`; resolves to undefined, without running it, if another process on this database is doing the same
   * task.
   */
  exclusively<T>(task: Exclusive, work: () => Promise<T>): Promise<T | undefined>;
  readNote(name: UpkeepNote): Promise<number>;
  writeNote(name: UpkeepNote, value: number): Promise<void>;
  /** Notes for how many days tokens may live, if that is more than ever before. Verdicts go by it. */
  noteLifetime(daysMax: number): Promise<void>;
  /** Namespaces whose JWTs a shared secret signs: like JWTs of issuers on record, theirs need no registration. */
  noteSigners(issuers: readonly string[]): Promise<void>;

  /** The leaves of the events from `first` to `last`, in order; fewer where an event or its leaf is missing. */
  listLeaves(first: number, last: number): Promise<Buffer[]>;
  listStoredEvents(after: number, limit: number): Promise<CheckedEvent[]>;
  /** All of them or none. */
  appendSeals(seals: readonly StoredSeal[]): Promise<void>;
  findLastSeal(): Promise<StoredSeal | undefined>;
  /** The seal whose range holds this event. */
  findSealOf(seq: number): Promise<StoredSeal | undefined>;
  /** In order, above number `after`. */
  listSeals(after: number, limit: number): Promise<StoredSeal[]>;

  /**
   * Call before purging revocations of single tokens. Notes that rows may be gone for tokens that ended by `until`
   * (the purging clock) and were decided on before now, so that these stay dead if that clock is ahead; see
   * Facts.isForgotten.
   */
  noteEnds(until: number): Promise<void>;
  countDue(due: DueRows): Promise<number>;
  /** Deletes at most `limit` of them in one transaction. */
  purgeDue(due: DueRows, limit: number): Promise<PurgeStep>;
  /** Counts these sessions; `purgeEndedSessions` deletes those that at most `limit` revocations ended. */
  countEndedSessions(ended: EndedSessions): Promise<number>;
  purgeEndedSessions(ended: EndedSessions, limit: number): Promise<PurgeStep>;
  /** The last event of the oldest seals that hold only events from before `before`; 0 when there are none. */
  findSealedBefore(before: number): Promise<number>;
  countEventsThrough(seq: number): Promise<number>;
  /** Deletes whole sealed ranges up to there, of `limit` events in all, or a single one that is larger. */
  purgeEventsThrough(seq: number, limit: number): Promise<PurgeStep>;

  /** Deletes the personal members of at most `limit` events about this user; resolves to how many. */
  eraseEvents(userId: string, limit: number): Promise<number>;
  /** Deletes sessions of this user that have expired or that have no token. */
  eraseSessions(userId: string, now: number): Promise<ErasedSessions>;
  /** Registered tokens of this user by ascending `id`, above `after`. */
  listTokensOf(userId: string, after: number, limit: number): Promise<StoredToken[]>;
  eraseTokens(digests: readonly Digest[]): Promise<number>;
  /** Puts `pseudonym` in the place of the name in revocations of this user and by them, and drops their free text. */
  eraseRevocations(userId: string, pseudonym: string): Promise<number>;
}
