// The port: what the rules need from storage, and what storage promises them.
//
// Rules are written as questions and decisions: plain functions of facts and of the time. Storage loads the facts, for
// many of them at once, and makes what was decided durable, many together. So the rules neither wait nor batch, and
// batching can change no answer.
import type { NewEvent } from './audit.ts';
import type { Claims, Digest, RegisteredToken } from './claims.ts';
import type { LoggedRevocation, NewRevocation, Revocation } from './cutoffs.ts';
import type { Listings } from './listings.ts';
import type { OnceKey } from './once.ts';
import type { Client, ClientChange } from './records/clients.ts';
import type { Issuer, IssuerChange, IssuerKey } from './records/issuers.ts';
import type { Grant, Session } from './sessions.ts';
import type { Target } from './targets.ts';
import type { UpkeepStore } from './upkeep-store.ts';
import type { Standing } from './verdict.ts';

/**
 * `ask` and `write` are what rules are made of; lists and upkeep read and work beside them.
 *
 * Every method rejects with `StoreUnavailable` when the database cannot be reached or refuses the write. Questions
 * and decisions reject with `StoreOverloaded`: at once when their line (default `vouched`) is full, or later when
 * they have waited in it for too long.
 */
export interface Store extends Listings {
  /**
   * Answers as of what is committed when it is asked: never from a replica, and from memory only where that is level with
   * the heads of the database. `tokens`: digests that it will ask `Facts.token` for, which saves a round trip.
   */
  ask<T>(question: Question<T>, line?: WaitingLine, tokens?: readonly Digest[]): Promise<T>;
  /**
   * Runs a decision as if alone, one after another across all processes, and resolves once its effects
   * are durable. A decision sees the effects of all before it.
   */
  write<T>(decide: Decide<T>, line?: WaitingLine): Promise<T>;
  /** Moves the last activity of an issuer's sessions forward. A hint, which belongs to no decision. */
  touchSessions(issuer: string, sessionIds: readonly string[], at: number): Promise<void>;
  /** For sealing, verifying, purging and erasing. */
  readonly upkeep: UpkeepStore;
  /** May the process end while something is under way? */
  readonly mayBeLeft: boolean;

  /**
   * Fills the memory that spares most verdicts a query; returns when done, at the latest after `msMax`. Never
   * rejects. Without it the first answers are right but slow.
   */
  warmUp(msMax: number): Promise<void>;
  /** What keeps the server from being ready, by check; empty when nothing does. */
  findFaults(): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * The line in which a question or a decision waits; earlier lines go first. `vouched`: an authenticated caller, an
 * operator or the server itself stands behind it. `bulk`: the same, but for mass traffic (introspections,
 * registrations), so that revocations go first. `unvouched`: nobody stands behind it (public clients, strangers with
 * something that may be a token); the line is short and gets a small share.
 */
export const waitingLines = ['vouched', 'bulk', 'unvouched'] as const;
export type WaitingLine = (typeof waitingLines)[number];

/** `now`: milliseconds since the epoch. */
export type Question<T = unknown> = (facts: Facts, now: number) => T;
export type Decide<T = unknown> = Question<Decision<T>>;

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
  jwt(signingInputDigest: Digest): RegisteredToken | undefined;
  /** What stands against a token: revocations that cover it, suspension. */
  standing(claims: Claims): Standing;
  /** The final revocation of a target. */
  final(target: Target): Revocation | undefined;
  /** Every row of the log that covers a token, oldest first, at most `historyMax`. */
  history(claims: Claims): readonly LoggedRevocation[];
  /**
   * Could a revocation of a token issued at or after `issuedFrom` and ending at `expiresAt` have been purged? Then
   * the token is unknown and is not registered. Happens after TOKEN_LIFETIME_DAYS_MAX was raised, or when the purging
   * clock was ahead.
   */
  isForgotten(issuedFrom: number, expiresAt: number): boolean;

  session(sessionId: string): Session | undefined;
  grant(grantId: string): Grant | undefined;
  /** Registered tokens of a grant or session that have not expired: the newest `unitTokensMax` of them. */
  unexpiredTokensOf(target: Target): readonly RegisteredToken[];
  /** Unexpired sessions of a user, newest first, at most `sessionsMax`. */
  sessionsOf(issuer: string, subject: string): readonly Session[];

  client(clientId: string): Client | undefined;
  issuer(name: string): Issuer | undefined;
  /** Thumbprints of the keys that this issuer has ever named by this kid. */
  thumbprints(issuer: string, kid: string): readonly string[];

  /** Has an id with this digest been used up? */
  isUsed(digest: Digest): boolean;
  /** The outcome of the order that was given under this idempotency key, unless it has expired. */
  earlierOutcome(keyDigest: Digest): EarlierOutcome | undefined;

  /** Asks several facts at once. */
  together<T extends readonly unknown[]>(...asks: { [K in keyof T]: () => T[K] }): T;
  /** Asks the same of each item at once; the answers are in the order of the items. */
  each<Item, T>(items: readonly Item[], ask: (item: Item) => T): T[];
}

/** How many tokens of one grant or session storage looks at; if there are more, some are assumed to be alive. */
export const unitTokensMax = 200;
export const sessionsMax = 1000;
export const historyMax = 100;

/** The outcome of an order, kept for its repetition. */
export interface EarlierOutcome {
  readonly requestDigest: Digest;
  readonly outcome: unknown;
}

export interface Decision<Outcome> {
  /** A function if the outcome contains the sequence numbers of the revocations. */
  readonly outcome: Outcome | ((seqs: Seqs) => Outcome);
  readonly effects: Effects;
}

/** The outcome of a decision whose revocations have these numbers. */
export function outcomeOf<Outcome>({ outcome }: Decision<Outcome>, seqs: Seqs): Outcome {
  return typeof outcome === 'function' ? (outcome as (seqs: Seqs) => Outcome)(seqs) : outcome;
}

/**
 * Sequence numbers of the decision's revocations, in its order; for a final one that existed before, that row's
 * number.
 */
export type Seqs = readonly number[];

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
  readonly keepOutcome?: KeepOutcome;
}

/** Asks for the outcome of a decision, which must be plain JSON, to be kept. */
export interface KeepOutcome extends OnceKey {
  readonly expiresAt: number;
}

/** An id that counts once; its digest covers the id's kind and its giver. */
export interface UsedId {
  readonly digest: Digest;
  readonly kind: 'assertion' | 'inbox';
  readonly expiresAt: number;
}

/** The instant that decisions are taken at, by the clock that stamps them. */
export function nowOf(store: Store): Promise<number> {
  return store.write((_facts, now) => ({ outcome: now, effects: {} }));
}

/** Writes events that belong to no decision. */
export function recordEvents(store: Store, events: readonly NewEvent[], line?: WaitingLine): Promise<void> {
  return store.write(() => ({ outcome: undefined, effects: { events } }), line);
}
