// From what the issuer said to the records that are kept of it: the token, how long, and the session it belongs to.
import { isJwt, issuedAtOf, type RegisteredToken } from '../claims.ts';
import type { Session } from '../sessions.ts';
import { openEnd, tokensKeptMs } from '../token-life.ts';
import type { Registration } from './registration.ts';

/**
 * A refresh token that names no grant is its own grant, and its successors inherit grant, session and user from it. A
 * token whose `iat` is later than its registration counts as issued at registration: a clock that runs ahead must not
 * let it escape a cutoff.
 */
export function toToken(
  registration: Registration,
  replaced: RegisteredToken | undefined,
  registrar: string,
  now: number,
): RegisteredToken {
  const { digest, targetDigest, tokenUse, issuer, clientId, jti, audience, members, replacesDigest } =
    registration;
  const ownGrant = tokenUse === 'refresh_token' ? `grant-${targetDigest.slice(0, 32)}` : null;
  return {
    digest,
    targetDigest,
    tokenUse,
    issuer,
    clientId,
    subject: registration.subject ?? replaced?.subject ?? null,
    grantId: registration.grantId ?? replaced?.grantId ?? ownGrant,
    sessionId: registration.sessionId ?? replaced?.sessionId ?? null,
    jti,
    keyThumbprint: null,
    issuedAt: Math.min(issuedAtOf(registration.iat), now),
    expiresAt: Math.floor(registration.exp * 1000),
    notBefore: registration.nbf === null ? null : Math.ceil(registration.nbf * 1000),
    audience,
    members: { iat: registration.iat, exp: registration.exp, ...members },
    registrar,
    registeredAt: now,
    replacesDigest,
  };
}

/**
 * Keeps the row of a JWT longer if it may be signed to live longer, which is unknown if only its digest was given:
 * without the row, its signature alone would count. Its issuer need not be trusted yet, as that may change.
 */
export function withPurgeAfter(token: RegisteredToken, { signedEnd }: Registration): RegisteredToken {
  const end = signedEnd ?? (isJwt(token) ? openEnd(token.registeredAt) : null);
  return end !== null && end > token.expiresAt ? { purgeAfter: end + tokensKeptMs, ...token } : token;
}

export function toSession(
  token: RegisteredToken,
  sessionId: string,
  registration: Registration,
  now: number,
): Session {
  return {
    sessionId,
    issuer: token.issuer,
    subject: token.subject,
    clientId: token.clientId ?? token.registrar,
    createdAt: now,
    lastActiveAt: now,
    expiresAt: token.expiresAt,
    userAgent: registration.userAgent,
    ip: registration.ip,
  };
}
