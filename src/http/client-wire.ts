// A client as JSON, in the names of RFC 7591: what the management API and the command line read and show.
import { z } from 'zod';
import type { Client } from '../domain/clients.ts';
import { clientSecretLengthMax, clientSecretLengthMin, type NewClient } from '../domain/manage-clients.ts';
import { authMethods, permissions } from '../domain/vocabulary.ts';
import { clientIdentifier, identifier, line, list, uri } from './members.ts';
import { badParameter } from './refusal.ts';
import { timeOf } from './respond.ts';

export const cacheMaxAgeMax = 3600;

/** Browsers send origins as scheme, host and port: lower case, no default port, no path. */
const origin = line(255).refine(
  (text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text,
  'must be an origin such as https://app.example.com',
);

export const clientSecret = z
  .string()
  .min(clientSecretLengthMin)
  .max(clientSecretLengthMax)
  .regex(/^[\x20-\x7e]+$/);

export const newClientBody = z.strictObject({
  client_id: clientIdentifier,
  client_name: identifier.optional(),
  token_endpoint_auth_method: z.enum(authMethods).default('client_secret_basic'),
  permissions: list(z.enum(permissions)).default([]),
  audiences: list(uri).default([]),
  allowed_origins: list(origin).default([]),
  issuers: list(uri).default([]),
  cascade: z.enum(['token', 'grant']).default('token'),
  logout_scope: z.enum(['current', 'all']).default('current'),
  cache_max_age: z.int().min(0).max(cacheMaxAgeMax).default(0),
  client_secret: clientSecret.optional(),
});

/** A client that proves nothing may hold no permission. */
export function toNewClient(body: z.output<typeof newClientBody>): NewClient {
  if (body.token_endpoint_auth_method === 'none') {
    if (body.permissions.length > 0)
      throw badParameter('permissions', 'must be empty for a client that does not authenticate');
    if (body.client_secret !== undefined)
      throw badParameter('client_secret', 'goes with clients that authenticate');
  }
  return {
    clientId: body.client_id,
    clientName: body.client_name ?? null,
    authMethod: body.token_endpoint_auth_method,
    permissions: [...new Set(body.permissions)],
    audiences: [...new Set(body.audiences)],
    allowedOrigins: [...new Set(body.allowed_origins)],
    issuers: [...new Set(body.issuers)],
    cascade: body.cascade,
    logoutScope: body.logout_scope,
    cacheMaxAge: body.cache_max_age,
  };
}

export function clientToWire(client: Client): Record<string, unknown> {
  return {
    client_id: client.clientId,
    ...(client.clientName === null ? {} : { client_name: client.clientName }),
    token_endpoint_auth_method: client.authMethod,
    permissions: client.permissions,
    audiences: client.audiences,
    allowed_origins: client.allowedOrigins,
    issuers: client.issuers,
    cascade: client.cascade,
    logout_scope: client.logoutScope,
    cache_max_age: client.cacheMaxAge,
    created_at: timeOf(client.createdAt),
    disabled_at: client.disabledAt === null ? null : timeOf(client.disabledAt),
    secrets: client.secrets.map((secret) => ({
      id: secret.secretId,
      created_at: timeOf(secret.createdAt),
      expires_at: secret.expiresAt === null ? null : timeOf(secret.expiresAt),
    })),
  };
}
