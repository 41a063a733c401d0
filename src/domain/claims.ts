// What is known of a token, from whatever source. Claims never change once known; whether the token is dead is not
// among them (see verdict.ts).
import { hash } from 'node:crypto';
import { isName } from './values/printable.ts';

/** A SHA-256 digest as 64 lower-case hex digits. */
export type Digest = string;

export type TokenUse = 'access_token' | 'refresh_token';

export interface Claims {
  /** Namespace of every id below: the token's `iss`, or our own PUBLIC_URL when it names none. */
  readonly issuer: string;
  /** Digest of the whole token string: what the API calls `token_digest`. */
  readonly digest: Digest;
  /**
   * Names the token as a target. For a JWT the digest of what its signature covers, which the API calls
   * `signing_input_digest`; for any other token the same as `digest`.
   */
  readonly targetDigest: Digest;
  readonly tokenUse: TokenUse;
  readonly clientId: string | null;
  readonly subject: string | null;
  readonly grantId: string | null;
  readonly sessionId: string | null;
  readonly jti: string | null;
  /** RFC 7638 thumbprint of the key that verified the token; null for registered opaque tokens. */
  readonly keyThumbprint: string | null;
  /** Milliseconds since the epoch; `beforeAllTime` when unknown, so that every cutoff covers it. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly notBefore: number | null;
  readonly audience: readonly string[];
  /** The members that introspection shows beside the standard ones, as registered or signed. */
  readonly members: Readonly<Record<string, unknown>>;
  /** How it was judged while less was known of it: what became known must not bring it back to life. */
  readonly judgedBefore?: EarlierJudgement;
}

/** The claims by which a token was judged while no more was known of it, or by which it may have been. */
export interface EarlierJudgement {
  readonly as: Claims;
  /** Milliseconds: later revocations count for the token as it is known now. */
  readonly until: number;
}

/** A token that an issuer handed to us by POST /v1/tokens. Its row is never updated. */
export interface RegisteredToken extends Claims {
  /** The client that registered it. */
  readonly registrar: string;
  readonly registeredAt: number;
  /** The refresh token that this one replaced (rotation). */
  readonly replacesDigest: Digest | null;
  /**
   * Only for a JWT signed to live longer than its registration: keep the row until this instant or open end, after
   * which the signature alone would be accepted. Read by the purge only.
   */
  readonly purgeAfter?: number;
}

/** Was the token registered as a JWT? Only then do its two digests differ. */
export function isJwt({ digest, targetDigest }: Pick<Claims, 'digest' | 'targetDigest'>): boolean {
  return digest !== targetDigest;
}

export const idLengthMax = 255;

/** May a user, session or grant have this id? */
export function isId(value: unknown): value is string {
  return isName(value, idLengthMax);
}

/** Two that name no user count as the same: callers to whom that makes a difference look at `subject` as well. */
export function isSameUser(
  one: Pick<Claims, 'issuer' | 'subject'>,
  other: Pick<Claims, 'issuer' | 'subject'>,
): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

export const beforeAllTime = 0;

/** Of a token string as it was presented, or of any other text. */
export function digestOf(text: string): Digest {
  return hash('sha256', text, 'hex');
}

/** How logs, answers and the audit trail name a token: the first 16 hex digits of its `targetDigest`. */
export function tokenRef({ targetDigest }: Pick<Claims, 'targetDigest'>): string {
  return targetDigest.slice(0, 16);
}

/**
 * Issue time in milliseconds from an `iat` in seconds, fractions allowed: rounded up to the next whole
 * millisecond, so that comparing it with a whole-millisecond cutoff is exact. The small term absorbs
 * the error of doubles at this size.
 */
export function issuedAtOf(iat: number): number {
  return Math.ceil(iat * 1000 - 0.001);
}
