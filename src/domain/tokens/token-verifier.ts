// The port to the verifier of signatures: what it is asked of a presented token, and what it answers. The rules that
// make a known token of the answer are in known-token.ts; src/jwt/ implements the port.
import type { Claims, Digest } from '../claims.ts';
import type { KnownToken } from './known-token.ts';

export interface TokenVerifier {
  /** What `present` would resolve to, if that is known without waiting, as for most tokens. */
  recall(presentedToken: string): Presented | undefined;
  /**
   * Null for text that could not be a token. Rejects with `KeysUnavailable` when an issuer's keys cannot be fetched:
   * then nothing may be said of the token.
   */
  present(presentedToken: string, sureness?: Sureness): Promise<Presented | null>;
}

export interface Sureness {
  /**
   * For calls where 'unknown' will be treated as 'dead': a missing key counts as unknown only if the set was fetched
   * after the call began. Otherwise a set from the last 10 seconds will do.
   */
  readonly mustBeSure?: boolean;
  /** The token may well be of an issuer that nobody trusts, which is then no sign of a misconfiguration. */
  readonly mayBeForeign?: boolean;
}

/** A token as it was presented, without its text. */
export interface Presented {
  /** Digest of the whole string. */
  readonly digest: Digest;
  /** Names the token: for a JWT the digest of its signing input. */
  readonly targetDigest: Digest;
  readonly verification: Verification;
}

/** What verification says of a presented token. */
export type Verification =
  | Opaque
  /** A JWT that names a trusted issuer and is not one of its tokens: unknown, even if registered. */
  | { readonly kind: 'refused' }
  | Verified;

/** No JWT, or none of an issuer that we trust: only a registration can vouch for it. */
export interface Opaque {
  readonly kind: 'opaque';
  /**
   * What a JWT of HS256 says, for which no secret is set now. One that was set before, or will be, may have signed it: so
   * this counts, but against the token only, and only if this very string is registered.
   */
  readonly said?: ReadJwt;
}

export const opaque: Opaque = { kind: 'opaque' };

/** What a JWT says, read by the rules for its issuer. That it is true its signature must tell. */
export interface ReadJwt {
  readonly claims: Claims;
  /** The token, if nobody registered it. */
  readonly token: KnownToken;
  /** Milliseconds; the earliest instant at which the token can have been issued. */
  readonly issuedFrom: number;
  readonly defaults: IssuerDefaults;
}

/** A JWT whose signature holds. */
export interface Verified extends ReadJwt {
  readonly kind: 'verified';
}

/** What holds for all JWTs of an issuer, or of the shared secret. */
export interface IssuerDefaults {
  /** Stand in where neither the token nor its registration names one. */
  readonly defaultClient: string | null;
  readonly defaultAudience: string | null;
  /** Milliseconds; tokens that were registered before were judged by their registration alone. */
  readonly trustedSince: number;
  /** Verified by a shared secret of ours: such logins have always logged out everywhere. */
  readonly isHomeMade: boolean;
}

/** An issuer's keys cannot be fetched: the answer is 503, and says nothing of the token. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
