// The one vocabulary of outcomes, reasons and audit actions. Code, audit trail, logs,
// metrics, tests and openapi.yaml all use these words; nothing else may invent one.

/** Why a presented token is not (or no longer) alive, in the words of /revoke and /logout. */
export type InactiveReason = 'token_already_revoked' | 'token_expired' | 'token_not_found';

/** Reason codes that a revocation may carry; reasons.ts says what each means and who may give it. */
export const reasons = [
  'client_request',
  'user_initiated_logout',
  'user_logout',
  'password_reset',
  'credential_compromise',
  'key_compromise',
  'offboarding',
  'policy',
  'admin',
  'identity_provider',
  'superseded',
  'reuse_detected',
  'erased',
] as const;
export type Reason = (typeof reasons)[number];

export const auditActions = [
  'login',
  'logout',
  'logout_already_revoked',
  'logout_expired_token',
  'logout_invalid_token',
  'logout_user_mismatch',
  'revoke',
  'revoke_already_revoked',
  'revoke_expired_token',
  'revoke_invalid_token',
  'revoke_foreign_token',
  'bulk_revoke',
  'session_end',
  'inbox_refused',
  'inbox_ignored',
  'registration_refused',
  'request_refused',
  'refresh_token_rotated',
  'refresh_token_reuse',
  'client_auth_failed',
  'client_created',
  'client_updated',
  'client_secret_rotated',
  'client_disabled',
  'client_enabled',
  'dead_token_presented',
  'audit_read',
  'audit_exported',
  'purge',
  'erase',
  'issuer_added',
  'issuer_updated',
  'issuer_disabled',
  'issuer_enabled',
  'issuer_keys_refreshed',
  'issuer_key_seen',
] as const;
export type AuditAction = (typeof auditActions)[number];

/** What a client may be allowed to do; a closed list, none by default. `feed` is reserved: nothing asks for it yet. */
export const permissions = [
  'introspect',
  'introspect:any',
  'register',
  'sessions',
  'revoke:any',
  'revoke:token',
  'revoke:jti',
  'revoke:grant',
  'revoke:session',
  'revoke:key',
  'revoke:subject',
  'revoke:client',
  'revoke:issuer',
  'audit',
  'feed',
  'metrics',
  'admin',
] as const;
export type Permission = (typeof permissions)[number];

/** The way by which a change or refusal came in. */
export type Channel = 'oauth' | 'logout' | 'api' | 'cli' | 'inbox' | 'system';

/** How a client proves who it is (RFC 7591 `token_endpoint_auth_method`). */
export const authMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const;
export type AuthMethod = (typeof authMethods)[number];

/** The kinds of actors in audit events. */
export const actorKinds = ['client', 'user', 'operator', 'system'] as const;
export type ActorKind = (typeof actorKinds)[number];

/** Is it one of these words? */
export function isWordOf<Word extends string>(words: readonly Word[], value: unknown): value is Word {
  return (words as readonly unknown[]).includes(value);
}
