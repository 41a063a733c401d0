// Administration of clients: create, update, rotate the secret, suspend and resume. Each change and its audit
// event are one decision. A secret leaves these functions once and is kept as a digest only.
import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { eventOf, type Origin } from '../audit.ts';
import { digestOf } from '../claims.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { type Client, type ClientChange, type ClientSecret, changeClient } from './clients.ts';
import { type Edit, editRecord, switchRecord } from './edit-record.ts';

export type NewClient = Omit<Client, 'createdAt' | 'disabledAt' | 'secrets'>;

/** Does the client's method use a secret? Other methods rely on keys or certificates of the client. */
export function usesSecret({ authMethod }: Pick<Client, 'authMethod'>): boolean {
  return authMethod === 'client_secret_basic' || authMethod === 'client_secret_post';
}

/** A client that may do nothing but revoke its own tokens, overridden by `fields`. */
export function plainClient(fields: Partial<NewClient> & Pick<NewClient, 'clientId'>): NewClient {
  return {
    clientName: null,
    authMethod: 'client_secret_basic',
    permissions: [],
    audiences: [],
    allowedOrigins: [],
    issuers: [],
    cascade: 'token',
    logoutScope: 'current',
    cacheMaxAge: 0,
    keys: null,
    certificateName: null,
    introspectionAlgorithm: 'RS256',
    scopes: null,
    ...fields,
  };
}

/** 256 random bits in `[A-Za-z0-9_-]`: needs no escaping wherever it is pasted. */
function generateClientSecret(): string {
  return randomBytes(32).toString('base64url');
}

export interface ClientWithSecret {
  readonly client: Client;
  /** Null unless one was generated. */
  readonly newSecret: string | null;
}

export type ClientCreated =
  | (ClientWithSecret & { readonly status: 'created' })
  | { readonly status: 'client_exists' };

/** Without a `givenSecret` one is generated, for a client whose method needs one. */
export async function createClient(
  store: Store,
  origin: Origin,
  fields: NewClient,
  givenSecret?: string,
): Promise<ClientCreated> {
  const hasSecret = usesSecret(fields);
  const clientSecret = givenSecret ?? generateClientSecret();
  return store.write((facts, now): Decision<ClientCreated> => {
    if (facts.client(fields.clientId)) return { outcome: { status: 'client_exists' }, effects: {} };
    const secrets = hasSecret ? [toSecret(clientSecret, now)] : [];
    const client: Client = { ...fields, createdAt: now, disabledAt: null, secrets };
    return {
      outcome: { status: 'created', client, newSecret: hasSecret && !givenSecret ? clientSecret : null },
      effects: {
        clients: [{ kind: 'insert', client }],
        events: [eventOf(origin, 'client_created', { clientId: client.clientId, metadata: rights(client) })],
      },
    };
  });
}

/**
 * A client whose new method needs a secret is given one; the secrets of one whose new method needs none end. Undefined if
 * there is no such client.
 */
export async function updateClient(
  store: Store,
  origin: Origin,
  clientId: string,
  edit: (client: Client) => Promise<Edit<NewClient>>,
): Promise<ClientWithSecret | undefined> {
  const spareSecret = generateClientSecret();
  return editRecord(
    store,
    (facts) => facts.client(clientId),
    edit,
    (before, { fields, changed }, _facts, now): Decision<ClientWithSecret> => {
      if (changed.length === 0) return { outcome: { client: before, newSecret: null }, effects: {} };
      const update: ClientChange = { kind: 'update', client: { ...before, ...fields } };
      const changes = [update, ...secretChanges(before, update.client, spareSecret, now)];
      const client = changes.reduce<Client | undefined>(changeClient, before) as Client;
      const isGiven = changes.some(({ kind }) => kind === 'insert_secret');
      return {
        outcome: { client, newSecret: isGiven ? spareSecret : null },
        effects: {
          clients: changes,
          events: [eventOf(origin, 'client_updated', { clientId, metadata: { changed, ...rights(client) } })],
        },
      };
    },
  );
}

export type SecretRotated =
  | {
      readonly status: 'rotated';
      /** Null unless one was generated. */
      readonly newSecret: string | null;
      readonly previousExpireAt: number;
    }
  | { readonly status: 'not_found' | 'has_no_secret' | 'secret_is_name' };

/**
 * Adds a secret; those before it stay valid for `overlapMs` more. It may not be a name of the client, as names are
 * stored as they are.
 */
export async function rotateClientSecret(
  store: Store,
  origin: Origin,
  clientId: string,
  overlapMs: number,
  givenSecret?: string,
): Promise<SecretRotated> {
  const clientSecret = givenSecret ?? generateClientSecret();
  return store.write((facts, now): Decision<SecretRotated> => {
    const client = facts.client(clientId);
    if (!client) return { outcome: { status: 'not_found' }, effects: {} };
    if (!usesSecret(client)) return { outcome: { status: 'has_no_secret' }, effects: {} };
    if (clientSecret === clientId || clientSecret === client.clientName)
      return { outcome: { status: 'secret_is_name' }, effects: {} };
    const secret = toSecret(clientSecret, now);
    const at = now + overlapMs;
    return {
      outcome: { status: 'rotated', newSecret: givenSecret ? null : clientSecret, previousExpireAt: at },
      effects: {
        clients: [
          { kind: 'insert_secret', clientId, secret },
          { kind: 'expire_secrets', clientId, except: secret.secretId, at },
        ],
        events: [eventOf(origin, 'client_secret_rotated', { clientId })],
      },
    };
  });
}

/** While a client is suspended, its credentials are refused and its tokens inactive. */
export function switchClient(
  store: Store,
  origin: Origin,
  clientId: string,
  enabled: boolean,
): Promise<Client | undefined> {
  const find = (facts: Facts) => facts.client(clientId);
  return switchRecord(store, find, enabled, (at) => ({
    clients: [{ kind: 'set_disabled', clientId, at }],
    events: [eventOf(origin, enabled ? 'client_enabled' : 'client_disabled', { clientId })],
  }));
}

/** Gives a client that needs a secret from now on the spare one; ends the secrets of one that needs none any more. */
function secretChanges(before: Client, after: Client, spareSecret: string, now: number): ClientChange[] {
  const { clientId } = after;
  if (usesSecret(after) === usesSecret(before)) return [];
  return usesSecret(after)
    ? [{ kind: 'insert_secret', clientId, secret: toSecret(spareSecret, now) }]
    : [{ kind: 'expire_secrets', clientId, except: '', at: now }];
}

function toSecret(clientSecret: string, now: number): ClientSecret {
  return { secretId: uuidv7(), digest: digestOf(clientSecret), createdAt: now, expiresAt: null };
}

/** What an auditor wants to know of a client that was created or updated. */
function rights(client: Client): Record<string, unknown> {
  const { authMethod, permissions, audiences, issuers } = client;
  return { token_endpoint_auth_method: authMethod, permissions, audiences, issuers };
}
