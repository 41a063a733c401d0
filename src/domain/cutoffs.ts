// Revocations: rows of an append-only log that say "whoever bears this target and was issued at or before
// the cutoff is dead". A final revocation is one whose cutoff never ends.
import type { Actor, Origin } from './audit.ts';
import { type Claims, isJwt, type RegisteredToken, type TokenUse } from './claims.ts';
import { dayMs, hourMs } from './durations.ts';
import { type Target, type TargetKey, type TargetKind, targetKey, targetsOf } from './targets.ts';
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
  /** Spares tokens of scope `offline_access` (OpenID Connect Back-Channel Logout §2.7). */
  readonly online: boolean;
}

export const unrestricted: Restriction = { clientId: null, tokenUse: null, online: false };

export function isLimited({ clientId, tokenUse, online }: Restriction): boolean {
  return clientId !== null || tokenUse !== null || online;
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
 * The rows that could kill this token are those with one of these keys and a cutoff not before its issue time; all of
 * them, or those of some kinds.
 */
export function keysOf(claims: Claims, kinds?: ReadonlySet<TargetKind>): TargetKey[] {
  return targetsOf(claims, kinds).map(targetKey);
}

/** Does this row kill the token? `keys` are all the token's keys, those that hold in every issuer included. */
export function covers(row: Revocation, keys: readonly TargetKey[], claims: Claims): boolean {
  if (row.cutoff < claims.issuedAt || !keys.includes(row.key)) return false;
  if (row.exceptKey !== null && keys.includes(row.exceptKey)) return false;
  const { clientId, tokenUse, online } = row.only;
  if (online && isOffline(claims)) return false;
  return (
    (clientId ?? claims.clientId) === claims.clientId && (tokenUse ?? claims.tokenUse) === claims.tokenUse
  );
}

function isOffline({ members }: Claims): boolean {
  return typeof members.scope === 'string' && members.scope.split(' ').includes('offline_access');
}

/** An exception names a session, a grant or a token: no token bears more of them, a JWT being named twice. */
const exceptionsPerTokenMax = 4;

/**
 * Of the rows under one key the few that decide: whatever token another row kills, one of these kills too.
 * A row is not needed when another reaches as far, is limited no more, and spares nobody whom the row does
 * not; or when so many others with different exceptions do that no token can bear all of those.
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
  return client && use && (!one.online || other.online);
}

/**
 * A cutoff written on the proof of a token covers that token, also when its issuer's clock is ahead; but
 * not further than clocks may differ, or a token dated into the next century would lock its user out.
 */
export function cutoffOf(proofs: readonly Claims[], now: number, clockSkewMs: number): number {
  return Math.max(now, ...proofs.map((claims) => Math.min(claims.issuedAt, now + clockSkewMs)));
}

/** The first whole-second `iat` that survives a cutoff. */
export function safeIatAfter(cutoff: number): number {
  return Math.floor(cutoff / 1000) + 1;
}

/** Spread last, as elsewhere: to add members to an object that begins with a spread takes V8 twenty times as long. */
const everything = { only: unrestricted, exceptKey: null };

/**
 * The end of a token that our limit ends and not its own `exp`, or whose `exp` we do not know: it moves when
 * the limit does, so what is kept of it is when it was issued. Such ends lie beyond `forever`.
 */
export function openEnd(issuedAt: number): number {
  return forever + issuedAt;
}

/** The `purgeAfter` of a row whose token lacks an end of its own is its issue time beyond this. */
export const openEnds = openEnd(0) + hourMs;

/** Which of two ends comes later. */
export function laterEnd(one: number, other: number, lifetimeDaysMax: number): number {
  const instantOf = (end: number) => (end > forever ? end - forever + lifetimeDaysMax * dayMs : end);
  return instantOf(one) >= instantOf(other) ? one : other;
}

/** When the registered token ends; what was registered of a JWT may not be what its issuer signed. */
export function endOfRegistered(token: RegisteredToken): number {
  return isJwt(token) ? openEnd(token.registeredAt) : token.expiresAt;
}

/** A revocation of one token, kept as long as the token could live: until `end`, which may be an `openEnd`. */
export function finalForToken(target: Target, cause: Cause, end: number): NewRevocation {
  return { target, cutoff: forever, cause, purgeAfter: end + hourMs, ...everything };
}

/** A revocation of a name that tokens not yet known may bear: kept as long as any token may live. */
export function finalForName(
  target: Target,
  cause: Cause,
  now: number,
  lifetimeDaysMax: number,
): NewRevocation {
  const purgeAfter = now + lifetimeDaysMax * dayMs + hourMs;
  return { target, cutoff: forever, cause, purgeAfter, ...everything };
}

/**
 * The end of a grant or session: final, unless its issuer gives such ids out again (an SSO session that
 * survives an app's logout); then what was issued until `cutoff`.
 */
export function endOfUnit(
  target: Target,
  cause: Cause,
  cutoff: number,
  now: number,
  lifetimeDaysMax: number,
  reusesIds: boolean,
): NewRevocation {
  return reusesIds
    ? cutoffForName(target, cutoff, cause, lifetimeDaysMax)
    : finalForName(target, cause, now, lifetimeDaysMax);
}

/** A revocation of all that was issued under a name until `cutoff`; the user may log in again. */
export function cutoffForName(
  target: Target,
  cutoff: number,
  cause: Cause,
  lifetimeDaysMax: number,
  limits: { exceptKey?: TargetKey; only?: Restriction } = {},
): NewRevocation {
  const purgeAfter = cutoff + lifetimeDaysMax * dayMs + hourMs;
  return { target, cutoff, cause, purgeAfter, ...everything, ...limits };
}
