// Client authentication (RFC 6749 §2.3): which client is calling, and has it proved so? Methods are pinned
// per client. Every failure looks the same, whether the client is unknown, suspended or the secret wrong.
import { timingSafeEqual } from 'node:crypto';
import { eventOf } from '../domain/audit.ts';
import { digestOf } from '../domain/claims.ts';
import { type Client, holds } from '../domain/clients.ts';
import type { AuthMethod, Permission } from '../domain/vocabulary.ts';
import type { ClientDirectory } from './client-directory.ts';
import { type Context, originOf, protect } from './context.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import { type Form, formDecode } from './form.ts';
import { badParameter, missingParameter, Refusal } from './refusal.ts';
import type { Throttle } from './throttle.ts';

const realm = 'realm="revocation-server"';
export const basicChallenge = { 'WWW-Authenticate': `Basic ${realm}, charset="UTF-8"` };
export const bearerChallenge = { 'WWW-Authenticate': `Bearer ${realm}` };
const refusedBearer = { 'WWW-Authenticate': `Bearer ${realm}, error="invalid_token"` };

interface Credentials {
  readonly clientId: string;
  /** Undefined for a client that only names itself. */
  readonly clientSecret: string | undefined;
  /** The ways in which they were presented. */
  readonly methods: readonly AuthMethod[];
}

export interface AuthParts {
  readonly directory: ClientDirectory;
  readonly throttle: Throttle;
  readonly recorder: FloodRecorder;
  readonly now: () => number;
}

const nobody: Form = new Map();
const someDigest = digestOf('no secret has this digest');

export class ClientAuth {
  readonly #parts: AuthParts;

  constructor(parts: AuthParts) {
    this.#parts = parts;
  }

  /** The client that the request authenticates; undefined when it brings no credentials at all. */
  async authenticate(ctx: Context, form: Form = nobody): Promise<Client | undefined> {
    const credentials = await this.#read(ctx, form);
    if (!credentials) return undefined;
    const client = await this.#parts.directory.find(credentials.clientId);
    if (!client || !this.#proves(client, credentials)) throw await this.#fail(ctx, credentials);
    ctx.state.clientId = client.clientId;
    return client;
  }

  /** For the management API: the calling client, which must hold one of `permissions`. */
  async permit(ctx: Context, ...permissions: readonly Permission[]): Promise<Client> {
    const client = await this.authenticate(ctx);
    if (!client)
      throw new Refusal('invalid_client', 'client authentication is missing', { headers: basicChallenge });
    return demand(client, ...permissions);
  }

  async #read(ctx: Context, form: Form): Promise<Credentials | undefined> {
    const header = ctx.get('authorization');
    const body = readPost(form);
    if (header === '') return body;
    const [, scheme = '', value = ''] = /^([^ ]*) *(.*)$/s.exec(header) ?? [];
    if (/^bearer$/i.test(scheme)) {
      await this.#count(ctx, null);
      throw new Refusal('invalid_client', 'a bearer token is not accepted here', { headers: refusedBearer });
    }
    const basic = /^basic$/i.test(scheme) ? parseBasic(value) : undefined;
    if (!basic) throw await this.#fail(ctx, undefined);
    if (!body) return basic;
    if (body.clientId !== basic.clientId) {
      throw badParameter('client_id', 'differs from the client that the Authorization header names');
    }
    if (body.clientSecret === undefined) return basic;
    // RFC 6749 §2.3 allows one method per request; gateways that add the same credentials again do no harm.
    if (!isSame(digestOf(body.clientSecret), digestOf(basic.clientSecret ?? ''))) throw twoMethods();
    return { ...basic, methods: [...basic.methods, ...body.methods] };
  }

  #proves(client: Client, { clientSecret, methods }: Credentials): boolean {
    const now = this.#parts.now();
    const valid = client.secrets.filter((secret) => secret.expiresAt === null || secret.expiresAt > now);
    const isPinned = methods.includes(client.authMethod);
    if (client.disabledAt !== null || !isPinned) return false;
    if (client.authMethod === 'none') return true;
    const presented = digestOf(clientSecret ?? '');
    const candidates = valid.length === 0 ? [someDigest] : valid.map((secret) => secret.digest);
    return candidates.map((digest) => isSame(digest, presented)).includes(true) && valid.length > 0;
  }

  async #fail(ctx: Context, credentials: Credentials | undefined): Promise<Refusal> {
    const { clientId = null, clientSecret = '' } = credentials ?? {};
    const seconds = await this.#count(ctx, clientId, clientSecret);
    if (seconds > 0) {
      return new Refusal('too_many_failures', 'too many failed authentications, try again later', {
        headers: { 'Retry-After': String(seconds) },
      });
    }
    return new Refusal('invalid_client', 'client authentication failed', { headers: basicChallenge });
  }

  async #count(ctx: Context, clientId: string | null, clientSecret = ''): Promise<number> {
    const { throttle, recorder, directory } = this.#parts;
    protect(ctx, [clientSecret]);
    const seconds = await throttle.fail(clientId, ctx.state.ip);
    // Only the id of a client that exists is written down: anything else may be a secret in the wrong field.
    const known = clientId !== null && (await directory.find(clientId)) ? clientId : null;
    const origin = originOf(ctx, { kind: 'client', id: null }, [clientSecret]);
    await recorder.record(eventOf(origin, 'client_auth_failed', { clientId: known }));
    ctx.state.log.info({ request_id: ctx.state.requestId, client_id: known }, 'client authentication failed');
    return seconds;
  }
}

/** Refuses a client that holds none of these permissions. */
export function demand(client: Client, ...permissions: readonly Permission[]): Client {
  if (permissions.some((permission) => holds(client, permission))) return client;
  throw new Refusal('insufficient_permission', `this needs the permission ${permissions.join(' or ')}`);
}

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined and base64-encoded. */
export function parseBasic(value: string): Credentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'base64'));
    const colon = text.indexOf(':');
    if (colon < 1) return undefined;
    const clientId = formDecode(text.slice(0, colon));
    const clientSecret = formDecode(text.slice(colon + 1));
    return { clientId, clientSecret, methods: ['client_secret_basic'] };
  } catch {
    return undefined;
  }
}

function readPost(form: Form): Credentials | undefined {
  const clientId = form.get('client_id');
  const clientSecret = form.get('client_secret');
  if (form.has('client_assertion') || form.has('client_assertion_type')) throw twoMethods();
  if (clientId === undefined) {
    if (clientSecret !== undefined) throw missingParameter('client_id');
    return undefined;
  }
  return { clientId, clientSecret, methods: [clientSecret === undefined ? 'none' : 'client_secret_post'] };
}

function twoMethods(): Refusal {
  return new Refusal(
    'invalid_request',
    'there are two ways of authenticating in one request, or one that is not offered',
  );
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
}
