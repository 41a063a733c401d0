// Verifies presented tokens: which issuer a JWT names, whether we trust it, and whether one of its keys
// signed it. Claims that were verified are remembered by the digest of the token, as long as their key is in
// the issuer's set; whether the token is dead is never remembered.
import { LRUCache } from 'lru-cache';
import { type Claims, type Digest, digestOf } from '../domain/claims.ts';
import type { Policy } from '../domain/policy.ts';
import type { Issuer, JwtReading } from '../domain/records/issuers.ts';
import { type JwtRefusal, readJwtClaims } from '../domain/tokens/jwt-claims.ts';
import { isCompact, parseJwt, type UntrustedJwt } from '../domain/tokens/jwt-shape.ts';
import { verifiedAs } from '../domain/tokens/known-token.ts';
import { couldBeToken } from '../domain/tokens/presented-token.ts';
import {
  opaque,
  type Presented,
  type Sureness,
  type TokenVerifier,
  type Verification,
  type Verified,
} from '../domain/tokens/token-verifier.ts';
import type { IssuerDirectory } from './issuer-directory.ts';
import type { KeyRing } from './key-ring.ts';
import type { SharedSecretTrust } from './shared-secret.ts';
import { findSigner } from './signer.ts';
import { hasBadMembers, isSignedWith } from './verify-signature.ts';
import type { VerifyingKey } from './verifying-keys.ts';

const rememberedMax = 20_000;

export type RefusalKind = JwtRefusal | 'untrusted_issuer' | 'bad_algorithm' | 'bad_header' | 'bad_signature';

export interface JwtVerifierParts {
  readonly issuers: IssuerDirectory;
  readonly keyRing: KeyRing;
  readonly sharedSecret: SharedSecretTrust;
  readonly policy: Policy;
  /** Told of each JWT that is not accepted; the issuer's name may be a stranger's invention. */
  readonly onRefusal: (kind: RefusalKind, issuer: string) => void;
}

interface Remembered {
  readonly verified: Verified;
  /** The record by which it was read; another record may read it differently. */
  readonly issuer: Issuer;
}

const refused: Verification = { kind: 'refused' };

export class JwtVerifier implements TokenVerifier {
  readonly #parts: JwtVerifierParts;
  readonly #remembered = new LRUCache<Digest, Remembered>({ max: rememberedMax });

  constructor(parts: JwtVerifierParts) {
    this.#parts = parts;
  }

  recall(presentedToken: string): Presented | undefined {
    if (!couldBeToken(presentedToken)) return undefined;
    const digest = digestOf(presentedToken);
    const known = this.#remembered.get(digest);
    if (!known && !isCompact(presentedToken)) return { digest, targetDigest: digest, verification: opaque };
    const issuer = known && this.#parts.issuers.recall(known.issuer.issuer);
    const keys = issuer && this.#parts.keyRing.held(issuer);
    return known && issuer && keys && stillVerified(digest, known, issuer, keys);
  }

  async present(presentedToken: string, sureness: Sureness = {}): Promise<Presented | null> {
    if (!couldBeToken(presentedToken)) return null;
    const digest = digestOf(presentedToken);
    const known = this.#remembered.get(digest);
    const recalled = known && (await this.#recall(digest, known));
    if (recalled) return recalled;
    const jwt = parseJwt(presentedToken);
    if (!jwt) return { digest, targetDigest: digest, verification: opaque };
    const verification = await this.#verify(presentedToken, digest, jwt, sureness);
    return { digest, targetDigest: jwt.signingInputDigest, verification };
  }

  /** The earlier verification, if its issuer's record would give the same now. */
  async #recall(digest: Digest, known: Remembered): Promise<Presented | undefined> {
    const { issuers, keyRing } = this.#parts;
    const issuer = await issuers.find(known.issuer.issuer);
    const recalled = issuer && stillVerified(digest, known, issuer, await keyRing.current(issuer));
    if (!recalled) this.#remembered.delete(digest);
    return recalled;
  }

  async #verify(
    presentedToken: string,
    digest: Digest,
    jwt: UntrustedJwt,
    sureness: Sureness,
  ): Promise<Verification> {
    const { iss } = jwt.payload;
    const record = typeof iss === 'string' ? await this.#parts.issuers.find(iss) : undefined;
    if (record) return this.#verifyByRecord(presentedToken, digest, jwt, record, sureness);
    const { sharedSecret } = this.#parts;
    const mayShareSecret =
      iss === undefined || (typeof iss === 'string' && sharedSecret.issuers.includes(iss));
    if (sharedSecret.keys.length > 0 && mayShareSecret && jwt.header.alg === 'HS256')
      return this.#verifyBySecret(presentedToken, digest, jwt, iss);
    if (typeof iss === 'string' && !sureness.mayBeForeign) this.#parts.onRefusal('untrusted_issuer', iss);
    return this.#unproven(digest, jwt);
  }

  /** A secret may have been a setting, or may become one: what it signed must not come back for that. */
  #unproven(digest: Digest, jwt: UntrustedJwt): Verification {
    const { policy, sharedSecret } = this.#parts;
    const { iss = policy.publicUrl } = jwt.payload;
    if (jwt.header.alg !== 'HS256' || typeof iss !== 'string' || hasBadMembers(jwt.header)) return opaque;
    const unproven = { digest, issuer: iss, keyThumbprint: null, ...jwt };
    const read = readJwtClaims(unproven, sharedSecret.reading, policy);
    return read.ok
      ? { kind: 'opaque', said: this.#verified(read.claims, sharedSecret.reading, null) }
      : opaque;
  }

  async #verifyByRecord(
    presentedToken: string,
    digest: Digest,
    jwt: UntrustedJwt,
    issuer: Issuer,
    sureness: Sureness,
  ): Promise<Verification> {
    const { alg } = jwt.header;
    if (typeof alg !== 'string' || !issuer.algorithms.includes(alg))
      return this.#refuse('bad_algorithm', issuer.issuer);
    if (hasBadMembers(jwt.header)) return this.#refuse('bad_header', issuer.issuer);
    const key = await findSigner(presentedToken, jwt, alg, this.#parts.keyRing, issuer, sureness);
    if (!key) return this.#refuse('bad_signature', issuer.issuer);
    const signed = { digest, issuer: issuer.issuer, keyThumbprint: key.thumbprint, ...jwt };
    const read = readJwtClaims(signed, issuer, this.#parts.policy);
    if (!read.ok) return this.#refuse(read.why, issuer.issuer);
    const verified = this.#verified(read.claims, issuer, issuer.createdAt);
    this.#remembered.set(digest, { verified, issuer });
    return verified;
  }

  async #verifyBySecret(
    presentedToken: string,
    digest: Digest,
    jwt: UntrustedJwt,
    iss: unknown,
  ): Promise<Verification> {
    const { policy, sharedSecret } = this.#parts;
    const issuer = typeof iss === 'string' ? iss : policy.publicUrl;
    if (hasBadMembers(jwt.header)) return this.#refuse('bad_header', issuer);
    for (const { secret, thumbprint } of sharedSecret.keys) {
      if (!(await isSignedWith(presentedToken, secret))) continue;
      const signed = { digest, issuer, keyThumbprint: thumbprint, ...jwt };
      const read = readJwtClaims(signed, sharedSecret.reading, policy);
      return read.ok
        ? this.#verified(read.claims, sharedSecret.reading, null)
        : this.#refuse(read.why, issuer);
    }
    return this.#refuse('bad_signature', issuer);
  }

  /** `trustedSince`: null for the shared secret, as nobody knows since when it has been set. */
  #verified(claims: Claims, reading: JwtReading, trustedSince: number | null): Verified {
    const { defaultClient, defaultAudience } = reading;
    const isHomeMade = trustedSince === null;
    const defaults = { defaultClient, defaultAudience, trustedSince: trustedSince ?? 0, isHomeMade };
    return verifiedAs(claims, defaults, this.#parts.policy);
  }

  #refuse(kind: RefusalKind, issuer: string): Verification {
    this.#parts.onRefusal(kind, issuer);
    return refused;
  }
}

/** The earlier verification, if this record would give the same now. */
function stillVerified(
  digest: Digest,
  { verified, issuer: before }: Remembered,
  issuer: Issuer,
  keys: readonly VerifyingKey[],
): Presented | undefined {
  const { targetDigest, keyThumbprint } = verified.claims;
  if (!readsTheSame(before, issuer) || !keys.some((key) => key.thumbprint === keyThumbprint))
    return undefined;
  return { digest, targetDigest, verification: verified };
}

/** Suspension, permissions and requests for fresh keys do not change how a token is read. */
function readsTheSame(one: Issuer, other: Issuer): boolean {
  return one === other || readingOf(one) === readingOf(other);
}

const readings = new WeakMap<Issuer, string>();

/** All of the record on which the reading of a token depends; made once for each record object. */
function readingOf(issuer: Issuer): string {
  const known = readings.get(issuer);
  if (known !== undefined) return known;
  const { algorithms, types, audiences, claims, defaultClient, defaultAudience, refreshMarker } = issuer;
  const reading: JwtReading = { types, audiences, claims, defaultClient, defaultAudience, refreshMarker };
  const text = JSON.stringify([algorithms, reading]);
  readings.set(issuer, text);
  return text;
}
