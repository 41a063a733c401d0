// Clients: who may call, how they prove it and what they may do. The secrets themselves are never here,
// only their digests.
import type { Actor } from '../audit.ts';
import type { Digest } from '../claims.ts';
import type { Policy } from '../policy.ts';
import type { AuthMethod, Permission } from '../vocabulary.ts';
import type { KeySource } from './issuers.ts';

/** RFC 6749 appendix A.1. No client has an id that does not match. */
export const clientIdSyntax = /^[\x20-\x7e]{1,255}$/;

export interface ClientSecret {
  readonly secretId: string;
  readonly digest: Digest;
  readonly createdAt: number;
  /** Null: until it is rotated away. */
  readonly expiresAt: number | null;
}

/** How a client's certificate is recognised (RFC 8705 §2.1.2). */
export interface CertificateName {
  readonly kind: 'subject_dn' | 'san_dns' | 'san_uri' | 'san_ip' | 'san_email';
  readonly value: string;
}

/** Algorithms in which introspection answers can be signed. */
export const signingAlgorithms = ['RS256', 'ES256'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

export interface Client {
  readonly clientId: string;
  readonly clientName: string | null;
  readonly authMethod: AuthMethod;
  readonly permissions: readonly Permission[];
  /** Resource identifiers whose tokens this client may introspect, beside its own client_id. */
  readonly audiences: readonly string[];
  /** Browser origins that may call /revoke and /logout for this client. */
  readonly allowedOrigins: readonly string[];
  /** Issuers it may register tokens for; empty means PUBLIC_URL. */
  readonly issuers: readonly string[];
  /** `grant`: revoking an access token ends its whole grant. */
  readonly cascade: 'token' | 'grant';
  /** `all`: its tokens may log their user out everywhere. */
  readonly logoutScope: 'current' | 'all';
  /** Seconds for which it may trust an introspection answer. */
  readonly cacheMaxAge: number;
  /** Public keys for `private_key_jwt` and `self_signed_tls_client_auth`. */
  readonly keys: KeySource | null;
  /** For `tls_client_auth`. */
  readonly certificateName: CertificateName | null;
  /** RFC 9701 §6: how its signed introspection answers are signed. */
  readonly introspectionAlgorithm: SigningAlgorithm;
  /** The scopes that its signed answers may show; null: all. */
  readonly scopes: readonly string[] | null;
  readonly createdAt: number;
  /** When it was suspended, null while it is enabled. */
  readonly disabledAt: number | null;
  readonly secrets: readonly ClientSecret[];
}

/** An authenticated caller: a client, or the bearer of an access token, who has no client record. */
export interface Caller extends Client {
  readonly actor: Actor;
  readonly isBearer: boolean;
  /** The only issuer whose data it may reach; null: no such limit. */
  readonly onlyIssuer: string | null;
  /** For a bearer: the client_id that its issuer signed. Null if there is none. */
  readonly signedAs: { readonly issuer: string; readonly clientId: string } | null;
}

/** A client that asks about tokens, or a caller that may be confined to one issuer. */
export type Asker = Client & Partial<Pick<Caller, 'onlyIssuer' | 'signedAs'>>;

/** May it reach what belongs to this issuer? */
export function reaches({ onlyIssuer = null }: Asker, issuer: string): boolean {
  return onlyIssuer === null || onlyIssuer === issuer;
}

/** The client id by which this issuer's tokens know the caller. */
export function nameAt({ clientId, signedAs }: Asker, issuer: string): string {
  return signedAs?.issuer === issuer ? signedAs.clientId : clientId;
}

/** The issuers it may register and revoke for: those on its record, else PUBLIC_URL. */
export function issuersOf({ issuers }: Pick<Client, 'issuers'>, { publicUrl }: Policy): readonly string[] {
  return issuers.length === 0 ? [publicUrl] : issuers;
}

const callers = new WeakMap<Client, Caller>();

/** Always the same object for a client, as every request asks for it. */
export function callerOf(client: Client): Caller {
  const known = callers.get(client);
  if (known) return known;
  const actor = { kind: 'client', id: client.clientId } as const;
  const caller: Caller = { ...client, actor, isBearer: false, onlyIssuer: null, signedAs: null };
  callers.set(client, caller);
  return caller;
}

export function holds(client: Client, permission: Permission): boolean {
  return client.permissions.includes(permission);
}

export type ClientChange =
  | { readonly kind: 'insert'; readonly client: Client }
  /** The whole record but its secrets. */
  | { readonly kind: 'update'; readonly client: Client }
  | { readonly kind: 'insert_secret'; readonly clientId: string; readonly secret: ClientSecret }
  | {
      readonly kind: 'expire_secrets';
      readonly clientId: string;
      readonly except: string;
      readonly at: number;
    }
  | { readonly kind: 'set_disabled'; readonly clientId: string; readonly at: number | null };

/** The record as a change leaves it. */
export function changeClient(client: Client | undefined, change: ClientChange): Client | undefined {
  if (change.kind === 'insert' || change.kind === 'update') return change.client;
  if (!client) return undefined;
  switch (change.kind) {
    case 'insert_secret':
      return { ...client, secrets: [...client.secrets, change.secret] };
    case 'expire_secrets': {
      const ends = ({ secretId, expiresAt }: ClientSecret) =>
        secretId !== change.except && (expiresAt === null || expiresAt > change.at);
      const secrets = client.secrets.map((secret) =>
        ends(secret) ? { ...secret, expiresAt: change.at } : secret,
      );
      return { ...client, secrets };
    }
    case 'set_disabled':
      return { ...client, disabledAt: change.at };
    default:
      return change satisfies never;
  }
}
