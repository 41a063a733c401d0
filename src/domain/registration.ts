// What an issuer says of a token that it is about to hand out, and what may come of it.
import type { Digest, RegisteredToken, TokenUse } from './claims.ts';
import type { Verification } from './known-token.ts';

/** What the issuer said, checked for shape. Times in seconds, as on the wire. */
export interface Registration {
  readonly digest: Digest;
  /** For a JWT: digest of its signing input; otherwise the same as `digest`. */
  readonly tokenDigest: Digest;
  readonly tokenUse: TokenUse;
  readonly issuer: string;
  readonly clientId: string;
  readonly subject: string | null;
  readonly grantId: string | null;
  readonly sessionId: string | null;
  readonly jti: string | null;
  readonly iat: number;
  readonly exp: number;
  readonly nbf: number | null;
  /** Of a JWT given as it is; by its digest alone any token is opaque. */
  readonly verification: Verification;
  /** When the JWT itself would end, as `signedEndOf` has it; null for what is no JWT or given by digest. */
  readonly signedEnd: number | null;
  readonly audience: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly replacesDigest: Digest | null;
  /** Of a JWT given as it is, the digest of its signing input. */
  readonly replacesTokenDigest: Digest | null;
  /** Facts of the login, for the session when this token is the first of it. */
  readonly userAgent: string | null;
  readonly ip: string | null;
}

type RegistrationConflict =
  | 'claims_conflict'
  | 'grant_conflict'
  | 'session_conflict'
  | 'rotation_conflict'
  | 'refresh_token_dead'
  | 'refresh_token_reuse';

export type Registered =
  | {
      readonly status: 'registered' | 'already_registered';
      readonly token: RegisteredToken;
      /** As introspection would have it now. */
      readonly active: boolean;
    }
  | { readonly status: 'conflict'; readonly code: RegistrationConflict }
  | Refused;

export interface Refused {
  readonly status: 'refused';
  readonly parameter: 'iat' | 'exp';
  readonly problem: string;
}

export type Objection = Extract<Registered, { status: 'conflict' | 'refused' }>;

export function conflict(code: RegistrationConflict): Objection {
  return { status: 'conflict', code };
}
