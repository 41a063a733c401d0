// Clients: who may call, how they prove it and what they may do. The secrets themselves are never here,
// only their digests.
import type { Digest } from './claims.ts';
import type { AuthMethod, Permission } from './vocabulary.ts';

/** RFC 6749 appendix A.1. Whatever else somebody calls himself, no client has that name. */
export const clientIdSyntax = /^[\x20-\x7e]{1,255}$/;

export interface ClientSecret {
  readonly secretId: string;
  readonly digest: Digest;
  readonly createdAt: number;
  /** Null: until it is rotated away. */
  readonly expiresAt: number | null;
}

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
  readonly createdAt: number;
  /** When it was suspended, null while it is enabled. */
  readonly disabledAt: number | null;
  readonly secrets: readonly ClientSecret[];
}

export function holds(client: Client, permission: Permission): boolean {
  return client.permissions.includes(permission);
}
