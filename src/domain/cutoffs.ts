// Revocations: rows of an append-only log that say "whoever bears this target and was issued at or before
// the cutoff is dead". A final revocation is one whose cutoff never ends.
import type { Claims } from './claims.ts';
import { type Target, type TargetKey, targetKey, targetsOf } from './targets.ts';

/** The cutoff of a final revocation: the last millisecond of the year 9999. */
export const forever = 253402300799999;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface NewRevocation {
  readonly target: Target;
  /** Milliseconds; `forever` when final. */
  readonly cutoff: number;
  /** Tokens that bear this target are spared ("log out my other devices"). */
  readonly exceptKey: TargetKey | null;
  readonly reason: string;
  /** After this instant the row can no longer change a verdict. */
  readonly purgeAfter: number;
}

/** A row of the log, as far as verdicts need it. */
export interface Revocation {
  readonly key: TargetKey;
  readonly cutoff: number;
  readonly exceptKey: TargetKey | null;
  readonly reason: string;
}

/** The rows that could kill this token are those with one of these keys and a cutoff not before its issue time. */
export function keysOf(claims: Claims): TargetKey[] {
  return targetsOf(claims).map(targetKey);
}

/** Does this row kill a token with these keys and this issue time? */
export function covers(row: Revocation, keys: readonly TargetKey[], issuedAt: number): boolean {
  if (row.cutoff < issuedAt || !keys.includes(row.key)) return false;
  return row.exceptKey === null || !keys.includes(row.exceptKey);
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

/** A revocation of one token, kept as long as the token could live. */
export function finalForToken(target: Target, reason: string, expiresAt: number): NewRevocation {
  return { target, cutoff: forever, exceptKey: null, reason, purgeAfter: expiresAt + hourMs };
}

/** A revocation of a name that tokens not yet known may bear: kept as long as any token may live. */
export function finalForName(
  target: Target,
  reason: string,
  now: number,
  lifetimeDaysMax: number,
): NewRevocation {
  const purgeAfter = now + lifetimeDaysMax * dayMs + hourMs;
  return { target, cutoff: forever, exceptKey: null, reason, purgeAfter };
}

/**
 * The end of a grant or session: final, unless its issuer gives such ids out again (an SSO session that
 * survives an app's logout); then what was issued until `cutoff`.
 */
export function endOfUnit(
  target: Target,
  reason: string,
  cutoff: number,
  now: number,
  lifetimeDaysMax: number,
  reusesIds: boolean,
): NewRevocation {
  return reusesIds
    ? cutoffForName(target, cutoff, reason, lifetimeDaysMax)
    : finalForName(target, reason, now, lifetimeDaysMax);
}

/** A revocation of all that was issued under a name until `cutoff`; the user may log in again. */
export function cutoffForName(
  target: Target,
  cutoff: number,
  reason: string,
  lifetimeDaysMax: number,
  exceptKey: TargetKey | null = null,
): NewRevocation {
  return { target, cutoff, exceptKey, reason, purgeAfter: cutoff + lifetimeDaysMax * dayMs + hourMs };
}
