// A client as JSON, in the names of RFC 7591: what the management API and the command line read and show.
import { z } from 'zod';
import { digestOf } from '../domain/claims.ts';
import { type CertificateName, type Client, signingAlgorithms } from '../domain/records/clients.ts';
import type { Edit } from '../domain/records/edit-record.ts';
import type { KeySource } from '../domain/records/issuers.ts';
import { type NewClient, switchClient, usesSecret } from '../domain/records/manage-clients.ts';
import { isScope } from '../domain/tokens/shown-members.ts';
import { differingMembers, withoutAbsent } from '../domain/values/json-values.ts';
import { authMethods, permissions } from '../domain/vocabulary.ts';
import { isDistinguishedName } from './certificate-identity.ts';
import { check } from './check.ts';
import { jwksMember, keySourceToWire, toKeySource } from './key-source.ts';
import { clientIdentifier, identifier, ipAddress, issuerName, line, list, notDots, uri } from './members.ts';
import { patchMembers } from './merge-patch.ts';
import type { RecordKind } from './record-kind.ts';
import { badParameter, type Refusal } from './refusal.ts';
import { timeOf } from './time.ts';

export const cacheMaxAgeMax = 3600;

/** Browsers send origins as scheme, host and port: lower case, no default port, no path. */
const origin = line(255).refine(
  (text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text,
  'must be an origin such as https://app.example.com',
);

const clientSecret = z
  .string()
  .min(32)
  .max(256)
  .regex(/^[\x20-\x7e]+$/);

export const newClientBody = z.strictObject({
  client_id: notDots(clientIdentifier),
  client_name: identifier.optional(),
  token_endpoint_auth_method: z.enum(authMethods).default('client_secret_basic'),
  permissions: list(z.enum(permissions)).default([]),
  audiences: list(uri).default([]),
  allowed_origins: list(origin).default([]),
  issuers: list(issuerName()).default([]),
  cascade: z.enum(['token', 'grant']).default('token'),
  logout_scope: z.enum(['current', 'all']).default('current'),
  cache_max_age: z.int().min(0).max(cacheMaxAgeMax).default(0),
  client_secret: clientSecret.optional(),
  jwks: jwksMember.optional(),
  jwks_uri: uri.optional(),
  tls_client_auth_subject_dn: line(1024)
    .refine(isDistinguishedName, 'is not a distinguished name as RFC 4514 writes it: CN=app,O=Example')
    .optional(),
  tls_client_auth_san_dns: line(255).optional(),
  tls_client_auth_san_uri: uri.optional(),
  tls_client_auth_san_ip: ipAddress.optional(),
  tls_client_auth_san_email: line(255).optional(),
  scope: line(4096).refine(isScope, 'must be scope tokens, one space between them').optional(),
  introspection_signed_response_alg: z.enum(signingAlgorithms).default('RS256'),
});

type Body = z.output<typeof newClientBody>;

/** A client that proves nothing may hold no permission. `allowHttp`: as for key sources. */
export async function toNewClient(body: Body, allowHttp: boolean): Promise<NewClient> {
  const method = body.token_endpoint_auth_method;
  if (method === 'none' && body.permissions.length > 0)
    throw badParameter('permissions', 'must be empty for a client that does not authenticate');
  if (body.client_secret !== undefined && !usesSecret({ authMethod: method }))
    throw badParameter('client_secret', 'goes with clients that authenticate with a secret');
  for (const name of ['client_id', 'client_name'] as const)
    if (body.client_secret !== undefined && body[name] === body.client_secret)
      throw badParameter(name, 'is the secret, which is never stored');
  return {
    clientId: body.client_id,
    clientName: body.client_name ?? null,
    authMethod: method,
    permissions: [...new Set(body.permissions)],
    audiences: [...new Set(body.audiences)],
    allowedOrigins: [...new Set(body.allowed_origins)],
    issuers: [...new Set(body.issuers)],
    cascade: body.cascade,
    logoutScope: body.logout_scope,
    cacheMaxAge: body.cache_max_age,
    keys: await toKeys(body, allowHttp),
    certificateName: toCertificateName(body),
    introspectionAlgorithm: body.introspection_signed_response_alg,
    scopes: body.scope?.split(' ') ?? null,
  };
}

/** RFC 7591 §2: `jwks` and `jwks_uri` are alternatives. */
async function toKeys(body: Body, allowHttp: boolean): Promise<KeySource | null> {
  const { jwks, jwks_uri: uri, token_endpoint_auth_method: method } = body;
  const needsKeys = method === 'private_key_jwt' || method === 'self_signed_tls_client_auth';
  if (jwks !== undefined && uri !== undefined) throw badParameter('jwks_uri', 'is given, and so is jwks');
  const use = method === 'self_signed_tls_client_auth' ? 'certificates' : 'signatures';
  const source = await toKeySource(body, allowHttp, use);
  if (!source && needsKeys) throw badParameter('jwks', `or jwks_uri goes with ${method}`);
  return source ?? null;
}

const certificateNames = ['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'] as const;

/** RFC 8705 §2.1.2: exactly one. */
function toCertificateName(body: Body): CertificateName | null {
  const given = certificateNames.flatMap((kind): CertificateName[] => {
    const value = body[`tls_client_auth_${kind}`];
    return value === undefined ? [] : [{ kind, value }];
  });
  const [first, second] = given.map(({ kind }) => `tls_client_auth_${kind}`);
  const isNeeded = body.token_endpoint_auth_method === 'tls_client_auth';
  if (first !== undefined && !isNeeded) throw badParameter(first, 'goes with tls_client_auth');
  if (second !== undefined) throw badParameter(second, `is given, and so is ${first}`);
  if (first === undefined && isNeeded)
    throw badParameter('tls_client_auth_subject_dn', 'or one other tls_client_auth_ name is needed');
  return given[0] ?? null;
}

const { client_id: _id, client_secret: _secret, ...changeable } = newClientBody.shape;
/** The members that a patch may name. */
export const clientMembers = Object.keys(changeable);

/** What a client is to be after a merge patch; it must be as a new one may be. */
export async function patchClient(
  client: Client,
  patch: unknown,
  allowHttp: boolean,
): Promise<Edit<NewClient>> {
  const before = membersToWire(client);
  const body = check(newClientBody, {
    client_id: client.clientId,
    ...patchMembers(before, patch, changeable),
  });
  const name = body.client_name;
  if (name !== undefined && client.secrets.some(({ digest }) => digest === digestOf(name)))
    throw badParameter('client_name', 'is the secret, which is never stored');
  const fields = await toNewClient(body, allowHttp);
  return { fields, changed: differingMembers(before, membersToWire(fields)) };
}

/** The refusal of a secret that is the client's id or name. */
export function secretIsName(clientId: string): Refusal {
  return badParameter('client_secret', 'is a name of the client, which is stored', { about: { clientId } });
}

/** What is shown once, of a secret that was generated. */
export function newSecretToWire(newSecret: string | null): { readonly client_secret?: string } {
  return newSecret === null ? {} : { client_secret: newSecret };
}

export function clientToWire(client: Client): Record<string, unknown> {
  return {
    client_id: client.clientId,
    ...membersToWire(client),
    created_at: timeOf(client.createdAt),
    disabled_at: client.disabledAt === null ? null : timeOf(client.disabledAt),
    secrets: client.secrets.map((secret) => ({
      id: secret.secretId,
      created_at: timeOf(secret.createdAt),
      expires_at: secret.expiresAt === null ? null : timeOf(secret.expiresAt),
    })),
  };
}

/** What an administrator gave, or could have given. */
function membersToWire(client: NewClient): Record<string, unknown> {
  const { keys, certificateName, introspectionAlgorithm, scopes } = client;
  return withoutAbsent({
    client_name: client.clientName,
    token_endpoint_auth_method: client.authMethod,
    permissions: client.permissions,
    audiences: client.audiences,
    allowed_origins: client.allowedOrigins,
    issuers: client.issuers,
    cascade: client.cascade,
    logout_scope: client.logoutScope,
    cache_max_age: client.cacheMaxAge,
    ...(keys && keySourceToWire(keys)),
    ...(certificateName && { [`tls_client_auth_${certificateName.kind}`]: certificateName.value }),
    introspection_signed_response_alg: introspectionAlgorithm === 'RS256' ? null : introspectionAlgorithm,
    scope: scopes?.join(' '),
  });
}

const overlapSecondsMax = 2_592_000;
export const overlapSecondsDefault = 86_400;
export const rotateBody = z.strictObject({
  overlap_seconds: z.int().min(0).max(overlapSecondsMax).default(overlapSecondsDefault),
  client_secret: clientSecret.optional(),
});

export const clientKind: RecordKind<Client> = {
  noun: 'client',
  listAfter: (store, after, limit) => store.listClients(after, limit),
  find: (facts, clientId) => facts.client(clientId),
  setEnabled: switchClient,
  keyOf: ({ clientId }) => clientId,
  toWire: clientToWire,
};
