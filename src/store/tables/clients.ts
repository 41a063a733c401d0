// The tables `clients` and `client_secrets`: who may call, and the digests of their secrets.
import type { Knex } from 'knex';
import type { Client, ClientChange, ClientSecret, SigningAlgorithm } from '../../domain/records/clients.ts';
import type { AuthMethod, Permission } from '../../domain/vocabulary.ts';

interface ClientRow {
  client_id: string;
  client_name: string | null;
  token_endpoint_auth_method: AuthMethod;
  permissions: string;
  audiences: string;
  allowed_origins: string;
  issuers: string;
  cascade: Client['cascade'];
  logout_scope: Client['logoutScope'];
  cache_max_age: number;
  keys: string | null;
  certificate_name: string | null;
  introspection_algorithm: SigningAlgorithm | null;
  scopes: string | null;
  created_at: number;
  disabled_at: number | null;
}

interface SecretRow {
  secret_id: string;
  client_id: string;
  digest: Buffer;
  created_at: number;
  expires_at: number | null;
}

export async function findClients(db: Knex, clientIds: readonly string[]): Promise<Client[]> {
  return withSecrets(db, await db<ClientRow>('clients').whereIn('client_id', clientIds));
}

export async function listClients(db: Knex, after: string, limit: number): Promise<Client[]> {
  const page = db<ClientRow>('clients').where('client_id', '>', after).orderBy('client_id').limit(limit);
  return withSecrets(db, await page);
}

/** All that are suspended. */
export async function listSuspendedClients(db: Knex): Promise<string[]> {
  return db('clients').whereNotNull('disabled_at').pluck('client_id');
}

export async function listOrigins(db: Knex): Promise<ReadonlySet<string>> {
  const lists: string[] = await db('clients')
    .whereNull('disabled_at')
    .andWhereNot('allowed_origins', '[]')
    .pluck('allowed_origins');
  return new Set(lists.flatMap((list) => JSON.parse(list) as string[]));
}

export async function applyClientChange(db: Knex, change: ClientChange): Promise<void> {
  switch (change.kind) {
    case 'insert':
      await db('clients').insert(toRow(change.client));
      for (const secret of change.client.secrets) await insertSecret(db, change.client.clientId, secret);
      return;
    case 'update':
      await db('clients').where('client_id', change.client.clientId).update(toRow(change.client));
      return;
    case 'insert_secret':
      return insertSecret(db, change.clientId, change.secret);
    case 'expire_secrets':
      await db('client_secrets')
        .where('client_id', change.clientId)
        .whereNot('secret_id', change.except)
        .where((open) => open.whereNull('expires_at').orWhere('expires_at', '>', change.at))
        .update({ expires_at: change.at });
      return;
    case 'set_disabled':
      await db('clients').where('client_id', change.clientId).update({ disabled_at: change.at });
      return;
    default:
      change satisfies never;
  }
}

async function insertSecret(db: Knex, clientId: string, secret: ClientSecret): Promise<void> {
  await db('client_secrets').insert({
    secret_id: secret.secretId,
    client_id: clientId,
    digest: Buffer.from(secret.digest, 'hex'),
    created_at: secret.createdAt,
    expires_at: secret.expiresAt,
  });
}

async function withSecrets(db: Knex, rows: readonly ClientRow[]): Promise<Client[]> {
  const ids = rows.map((row) => row.client_id);
  const secrets: SecretRow[] = await db('client_secrets').whereIn('client_id', ids).orderBy('created_at');
  return rows.map((row) => toClient(row, secrets));
}

function toRow(client: Client): ClientRow {
  return {
    client_id: client.clientId,
    client_name: client.clientName,
    token_endpoint_auth_method: client.authMethod,
    permissions: JSON.stringify(client.permissions),
    audiences: JSON.stringify(client.audiences),
    allowed_origins: JSON.stringify(client.allowedOrigins),
    issuers: JSON.stringify(client.issuers),
    cascade: client.cascade,
    logout_scope: client.logoutScope,
    cache_max_age: client.cacheMaxAge,
    keys: client.keys && JSON.stringify(client.keys),
    certificate_name: client.certificateName && JSON.stringify(client.certificateName),
    introspection_algorithm: client.introspectionAlgorithm,
    scopes: client.scopes && JSON.stringify(client.scopes),
    created_at: client.createdAt,
    disabled_at: client.disabledAt,
  };
}

function toClient(row: ClientRow, secrets: readonly SecretRow[]): Client {
  return {
    clientId: row.client_id,
    clientName: row.client_name,
    authMethod: row.token_endpoint_auth_method,
    permissions: JSON.parse(row.permissions) as Permission[],
    audiences: JSON.parse(row.audiences),
    allowedOrigins: JSON.parse(row.allowed_origins),
    issuers: JSON.parse(row.issuers),
    cascade: row.cascade,
    logoutScope: row.logout_scope,
    cacheMaxAge: row.cache_max_age,
    keys: row.keys === null ? null : JSON.parse(row.keys),
    certificateName: row.certificate_name === null ? null : JSON.parse(row.certificate_name),
    introspectionAlgorithm: row.introspection_algorithm ?? 'RS256',
    scopes: row.scopes === null ? null : JSON.parse(row.scopes),
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    secrets: secrets
      .filter((secret) => secret.client_id === row.client_id)
      .map((secret) => ({
        secretId: secret.secret_id,
        digest: secret.digest.toString('hex'),
        createdAt: secret.created_at,
        expiresAt: secret.expires_at,
      })),
  };
}
