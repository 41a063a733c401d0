// Revocations: rows of an append-only log. Each says: a token that bears this target and was issued at or before the
// cutoff is dead. A final row's cutoff is later than any issue time.
import type { Actor, Origin } from './audit.ts';
import { type Claims, issuedAtOf, type TokenUse } from './claims.ts';
import type { LifetimePolicy, Policy } from './policy.ts';
import { type Target, type TargetKey, type TargetKind, targetKey, targetsOf } from './targets.ts';
import { dayMs, hourMs } from './values/durations.ts';
import type { Channel, Reason } from './vocabulary.ts';

/** The cutoff of a final revocation: the last millisecond of the year 9999. */
export const forever = 253402300799999;

/** Why and by whom: every row of the log says so. */
export interface Cause {
  readonly reason: Reason;
  readonly reasonText: string | null;
  readonly origin: Origin;
}

/** Limits a revocation to some of the tokens that bear its target; null where it does not. */
export interface Restriction {
  readonly clientId: string | null;
  readonly tokenUse: TokenUse | null;
  /** Leaves tokens of scope `offline_access` alone (OpenID Connect Back-Channel Logout §2.7). */
  readonly keepsOffline: boolean;
}

export const unrestricted: Restriction = { clientId: null, tokenUse: null, keepsOffline: false };

export function isRestricted({ clientId, tokenUse, keepsOffline }: Restriction): boolean {
  return clientId !== null || tokenUse !== null || keepsOffline;
}

export interface NewRevocation {
  readonly target: Target;
  readonly only: Restriction;
  /** Milliseconds; `forever` when final. */
  readonly cutoff: number;
  /** Tokens that bear this target are spared ("log out my other devices"). */
  readonly exceptKey: TargetKey | null;
  readonly cause: Cause;
  /** After this instant the row can no longer change a verdict. */
  readonly purgeAfter: number;
}

/** A row of the log, as far as verdicts need it. */
export interface Revocation {
  /** Dense, in commit order. */
  readonly seq: number;
  readonly key: TargetKey;
  readonly only: Restriction;
  readonly cutoff: number;
  readonly exceptKey: TargetKey | null;
  readonly reason: Reason;
  readonly revokedAt: number;
}

/** A row of the log as auditors read it. */
export interface LoggedRevocation extends Revocation {
  readonly target: Target;
  readonly reasonText: string | null;
  readonly actor: Actor;
  readonly channel: Channel;
  readonly requestId: string | null;
}

/**
 * Keys of the token's targets, all or those of some kinds. A row can kill the token only if it has one of these keys
 * and a cutoff not before the issue time.
 */
export function keysOf(claims: Claims, kinds?: ReadonlySet<TargetKind>): TargetKey[] {
  return targetsOf(claims, kinds).map(targetKey);
}

/** Does this row kill the token? `keys` are all keys of the token, including those for revocations in every issuer. */
export function covers(row: Revocation, keys: readonly TargetKey[], claims: Claims): boolean {
  if (row.cutoff < claims.issuedAt || !keys.includes(row.key)) return false;
  if (spares(row, keys, claims)) return false;
  const { clientId, tokenUse } = row.only;
  return (
    (clientId ?? claims.clientId) === claims.clientId && (tokenUse ?? claims.tokenUse) === claims.tokenUse
  );
}

/** Is the token the exception of this row, or of a kind that it leaves alone? */
function spares({ exceptKey, only }: Revocation, keys: readonly TargetKey[], claims: Claims): boolean {
  return (exceptKey !== null && keys.includes(exceptKey)) || (only.keepsOffline && isOffline(claims));
}

/** May it spare a token that bears its target? */
export function hasExceptions({ exceptKey, only }: Revocation): boolean {
  return exceptKey !== null || only.keepsOffline;
}

function isOffline({ members }: Claims): boolean {
  return typeof members.scope === 'string' && members.scope.split(' ').includes('offline_access');
}

/**
 * An exception names a session, a grant or a token. No token bears more such names than a JWT: one session, one
 * grant, and two names of its own.
 */
const exceptionsPerTokenMax = 4;

/**
 * The rows under one key that decide: a token that a dropped row kills is also killed by a kept one. A row is dropped
 * if another one reaches as far, has no narrower limits, and spares no other tokens; or if so many such rows have
 * different exceptions that no token can bear all of them.
 */
export function decisive(rows: readonly Revocation[]): Revocation[] {
  const kept: Revocation[] = [];
  for (const row of rows.toSorted((one, other) => other.cutoff - one.cutoff || one.seq - other.seq)) {
    const rivals = kept.filter((other) => isAsWide(other.only, row.only));
    const isCovered = rivals.some(({ exceptKey }) => exceptKey === null || exceptKey === row.exceptKey);
    const exceptions = new Set(rivals.map(({ exceptKey }) => exceptKey));
    if (!isCovered && exceptions.size <= exceptionsPerTokenMax) kept.push(row);
  }
  return kept;
}

function isAsWide(one: Restriction, other: Restriction): boolean {
  const client = one.clientId === null || one.clientId === other.clientId;
  const use = one.tokenUse === null || one.tokenUse === other.tokenUse;
  return client && use && (!one.keepsOffline || other.keepsOffline);
}

/**
 * A cutoff written on the proof of a token covers what was issued with it even if its issuer's clock is ahead, but by
 * no more than clocks may differ: a token dated into the next century must not lock its user out. The `iat` that was
 * said counts: a registered token is taken to be issued at its registration at the latest.
 */
export function cutoffOnProof(
  proofs: readonly Claims[],
  now: number,
  { clockSkewMs }: Pick<Policy, 'clockSkewMs'>,
): number {
  return Math.max(now, ...proofs.map((claims) => Math.min(saidIssuedAt(claims), now + clockSkewMs)));
}

function saidIssuedAt({ issuedAt, members }: Claims): number {
  return typeof members.iat === 'number' ? Math.max(issuedAt, issuedAtOf(members.iat)) : issuedAt;
}

/** The first whole-second `iat` that survives a cutoff. */
export function safeIatAfter(cutoff: number): number {
  return Math.floor(cutoff / 1000) + 1;
}

/** The same for all rows that one order wrote; null if all of them are final. */
export function safeIatAfterAll(rows: readonly Pick<NewRevocation, 'cutoff'>[]): number | null {
  const cutoffs = rows.map(({ cutoff }) => cutoff).filter((cutoff) => cutoff !== forever);
  return cutoffs.length === 0 ? null : safeIatAfter(Math.max(...cutoffs));
}

/** Own members first, spread last: V8 builds a literal that begins with a spread about twenty times slower. */
const unlimited = { only: unrestricted, exceptKey: null };

/** A revocation of one token, kept as long as the token could live: until `end`, which may be an `openEnd`. */
export function finalForToken(target: Target, cause: Cause, end: number): NewRevocation {
  return { target, cutoff: forever, cause, purgeAfter: end + hourMs, ...unlimited };
}

/** A revocation of a name that tokens not yet known may bear: kept as long as any token may live. */
export function finalForName(
  target: Target,
  cause: Cause,
  now: number,
  { lifetimeDaysMax }: LifetimePolicy,
): NewRevocation {
  const purgeAfter = now + lifetimeDaysMax * dayMs + hourMs;
  return { target, cutoff: forever, cause, purgeAfter, ...unlimited };
}

/** A revocation of all that was issued under a name until `cutoff`; the user may log in again. */
export function cutoffForName(
  target: Target,
  cause: Cause,
  cutoff: number,
  { lifetimeDaysMax }: LifetimePolicy,
  limits: { exceptKey?: TargetKey; only?: Restriction } = {},
): NewRevocation {
  const purgeAfter = cutoff + lifetimeDaysMax * dayMs + hourMs;
  return { target, cutoff, cause, purgeAfter, ...unlimited, ...limits };
}
