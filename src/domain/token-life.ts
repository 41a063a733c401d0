// From when and until when a token can count, as far as that is known: what revokes it is kept until then.
import { beforeAllTime, type Claims, isJwt, type RegisteredToken } from './claims.ts';
import { forever } from './cutoffs.ts';
import type { LifetimePolicy } from './policy.ts';
import { dayMs, hourMs } from './values/durations.ts';

type Life = Pick<Claims, 'issuedAt' | 'expiresAt'>;

/** The earliest instant at which a token can have been issued: without `iat`, one longest lifetime before its end. */
export function issuedFrom({ issuedAt, expiresAt }: Life, { lifetimeDaysMax }: LifetimePolicy): number {
  return issuedAt === beforeAllTime ? expiresAt - lifetimeDaysMax * dayMs : issuedAt;
}

/**
 * An end that depends on TOKEN_LIFETIME_DAYS_MAX, for a token whose `exp` is unknown or later than that allows. The
 * setting can change, so the issue time is stored, as forever + issuedAt: `end > forever` marks such an end.
 */
export function openEnd(issuedAt: number): number {
  return forever + issuedAt;
}

/** How long registrations are kept after they expire; those of JWTs, after the end that their signature gives. */
export const tokensKeptMs = hourMs;

/** A row with an open end has as `purgeAfter` this plus the token's issue time. */
export const openEndsFrom = openEnd(0) + tokensKeptMs;

/** Which of two ends comes later. */
export function laterEnd(one: number, other: number, { lifetimeDaysMax }: LifetimePolicy): number {
  const instantOf = (end: number) => (end > forever ? end - forever + lifetimeDaysMax * dayMs : end);
  return instantOf(one) >= instantOf(other) ? one : other;
}

/** When the registered token ends; open for a JWT, as its issuer may have signed another end than was registered. */
export function endByRegistration(token: RegisteredToken): number {
  return isJwt(token) ? openEnd(token.registeredAt) : token.expiresAt;
}

/** When a JWT ends by its signature; open if TOKEN_LIFETIME_DAYS_MAX ends it. */
export function endBySignature({ issuedAt, expiresAt }: Life, { lifetimeDaysMax }: LifetimePolicy): number {
  const isCutShort = expiresAt - issuedAt >= lifetimeDaysMax * dayMs;
  return isCutShort && issuedAt !== beforeAllTime ? openEnd(issuedAt) : expiresAt;
}
