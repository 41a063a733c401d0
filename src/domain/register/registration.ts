// What an issuer says of a token that it is about to hand out, and what may come of it.
import type { Digest, RegisteredToken, TokenUse } from '../claims.ts';
import { opaque, type Verification } from '../tokens/token-verifier.ts';

/** What the issuer said, checked for shape. Times in seconds, as on the wire. */
export interface Registration {
  readonly digest: Digest;
  /** For a JWT: digest of its signing input; otherwise the same as `digest`. */
  readonly targetDigest: Digest;
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
  /** For a JWT given in full; a token given by its digest alone counts as opaque. */
  readonly verification: Verification;
  /** When the JWT would end by its signature, as `claimedEndOf` computes it; null for other tokens and for digests. */
  readonly signedEnd: number | null;
  readonly audience: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly replacesDigest: Digest | null;
  /** For a replaced JWT given in full; any other is identified by its string, and judged by its registration. */
  readonly replacesVerification: Verification;
  /** Where the login came from: kept for the session if this token is its first. */
  readonly userAgent: string | null;
  readonly ip: string | null;
}

type Named = 'tokenUse' | 'issuer' | 'clientId' | 'iat' | 'exp';

/** An opaque token of which no more is said than `fields`. */
export function opaqueRegistration(
  digest: Digest,
  fields: Pick<Registration, Named> & Partial<Registration>,
): Registration {
  return {
    digest,
    targetDigest: digest,
    subject: null,
    grantId: null,
    sessionId: null,
    jti: null,
    nbf: null,
    verification: opaque,
    signedEnd: null,
    audience: [],
    members: {},
    replacesDigest: null,
    replacesVerification: opaque,
    userAgent: null,
    ip: null,
    ...fields,
  };
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
      /** As introspection would answer now. */
      readonly active: boolean;
    }
  | Conflict
  | Refused;

export interface Conflict {
  readonly status: 'conflict';
  readonly code: RegistrationConflict;
  /** What contradicts what is registered, if its issuer may know. */
  readonly contradictions: readonly Contradiction[];
}

export interface Refused extends Contradiction {
  readonly status: 'refused';
}

/** A member of the registration, and what is wrong with it. */
interface Contradiction {
  readonly parameter: string;
  readonly problem: string;
}

export type Objection = Conflict | Refused;

export function conflict(
  code: RegistrationConflict,
  parameters: readonly string[] = [],
  problem = '',
): Conflict {
  return {
    status: 'conflict',
    code,
    contradictions: parameters.map((parameter) => ({ parameter, problem })),
  };
}
