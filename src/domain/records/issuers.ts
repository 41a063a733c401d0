// Issuers: whose JWTs are trusted, how their keys are found, and what their claims mean. A record holds public keys
// only; trust by a shared secret is a setting, so that no secret enters the database.
import type { Permission } from '../vocabulary.ts';

/** Where the public keys come from; every address in it was configured by an administrator. */
export type KeySource =
  | { readonly kind: 'discovery' }
  | { readonly kind: 'jwks_uri'; readonly uri: string }
  | { readonly kind: 'jwks'; readonly keys: readonly PublicJwk[] };

export type PublicJwk = Readonly<Record<string, unknown>>;

/** Names of the claims that hold each id, in the order in which they are tried. */
export interface ClaimNames {
  readonly user: readonly string[];
  readonly client: readonly string[];
  readonly session: readonly string[];
  readonly grant: readonly string[];
}

/** Older home-made tokens hold the user in `id` or `uid` only. */
export const usualClaimNames: ClaimNames = {
  user: ['sub', 'id', 'uid'],
  client: ['client_id', 'azp'],
  session: ['sid'],
  grant: ['grant_id'],
};

/** The claim and its value that mark an issuer's refresh tokens. */
interface RefreshMarker {
  readonly claim: string;
  readonly value: string;
}

/** How the claims of an issuer's JWTs are read. */
export interface JwtReading {
  /** Header `typ` values of its tokens, lower case, without `application/`; a JWT may also name none. */
  readonly types: readonly string[];
  /** One of these must be in `aud`; empty: any will do. */
  readonly audiences: readonly string[];
  readonly claims: ClaimNames;
  /** The client of tokens that name none. */
  readonly defaultClient: string | null;
  /** The audience of tokens that name none. */
  readonly defaultAudience: string | null;
  /** Null: a `token_use`, `type` or `typ` claim that says `refresh`. */
  readonly refreshMarker: RefreshMarker | null;
}

export const inboxKinds = ['backchannel_logout', 'global_token_revocation', 'security_events'] as const;
export type InboxKind = (typeof inboxKinds)[number];

/** Standard signals of other systems that are taken as revocations. */
export interface Inbox {
  readonly kinds: readonly InboxKind[];
  /** What its messages must bear as `aud`; for back-channel logout our client id at the issuer. */
  readonly audience: string;
  /** Issuers whose users its messages may name. */
  readonly governs: readonly string[];
  /** Back-channel logout spares tokens of scope `offline_access`. */
  readonly keepsOffline: boolean;
  /** Formats of subject identifiers (RFC 9493) whose value is the `sub` of our tokens. */
  readonly subjectFormats: readonly ('email' | 'account')[];
}

export interface Issuer extends JwtReading {
  readonly issuer: string;
  readonly keySource: KeySource;
  readonly algorithms: readonly string[];
  /** Its grant and session ids come back across logins: their revocations are cutoffs. */
  readonly reusesIds: boolean;
  /** What a bearer of these scopes may do here. */
  readonly scopePermissions: Readonly<Record<string, readonly Permission[]>>;
  /** `own`: its bearers reach this issuer's data only. */
  readonly reach: 'own' | 'all';
  /** What its messages may end; null: none are accepted. */
  readonly inbox: Inbox | null;
  readonly createdAt: number;
  /** When it was suspended, null while it is enabled. */
  readonly disabledAt: number | null;
  /** Keys fetched before this instant are to be fetched again. */
  readonly keysStaleBefore: number;
}

/** Signatures by private keys: the public keys that check them cannot make them. */
export const asymmetricAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export const usualTypes: readonly string[] = ['at+jwt', 'jwt'];

/**
 * A JWT with one of these `typ` values is something else, never an access or refresh token, even if a record lists
 * it.
 */
export const foreignTypes: ReadonlySet<string> = new Set([
  'logout+jwt',
  'secevent+jwt',
  'global-token-revocation+jwt',
  'token-introspection+jwt',
  'statuslist+jwt',
  'client-authentication+jwt',
  'dpop+jwt',
  'oauth-authz-req+jwt',
]);

/** Which key a `kid` has named. */
export interface IssuerKey {
  readonly issuer: string;
  readonly kid: string;
  readonly thumbprint: string;
}

export type IssuerChange =
  | { readonly kind: 'insert'; readonly issuer: Issuer }
  | { readonly kind: 'update'; readonly issuer: Issuer }
  | { readonly kind: 'set_disabled'; readonly issuer: string; readonly at: number | null }
  | { readonly kind: 'set_keys_stale'; readonly issuer: string; readonly at: number };

/** The record as a change leaves it. */
export function changeIssuer(issuer: Issuer | undefined, change: IssuerChange): Issuer | undefined {
  if (change.kind === 'insert' || change.kind === 'update') return change.issuer;
  if (!issuer) return undefined;
  switch (change.kind) {
    case 'set_disabled':
      return { ...issuer, disabledAt: change.at };
    case 'set_keys_stale':
      return { ...issuer, keysStaleBefore: change.at };
    default:
      return change satisfies never;
  }
}
