// Client authentication (RFC 6749 §2.3): who is calling, is it proved, and does the caller hold the permission that the
// endpoint demands? Each client is pinned to one method; assertion.ts, certificate.ts, secret.ts and bearer.ts check
// one kind of proof each. What follows from a failure is in auth-failures.ts.
import { LRUCache } from 'lru-cache';
import { type Digest, digestOf } from '../../domain/claims.ts';
import { type Caller, type Client, callerOf, holds } from '../../domain/records/clients.ts';
import type { Permission } from '../../domain/vocabulary.ts';
import { badParameter, Refusal } from '../../wire/refusal.ts';
import { bearerOf, type Context } from '../context.ts';
import { demandNoTag } from '../reading/conditions.ts';
import type { Form } from '../reading/form.ts';
import { type AssertionParts, misfitOf, provesAssertion, readAssertion } from './assertion.ts';
import { type AuthFailureParts, AuthFailures } from './auth-failures.ts';
import { type BearerParts, findBearer } from './bearer.ts';
import { type CertificateParts, provesByAuthority, provesByOwnKey, readCertificate } from './certificate.ts';
import { eitherChallenge } from './challenges.ts';
import type { ClientDirectory } from './client-directory.ts';
import { type Credentials, type PresentedCertificate, twoMethods } from './credentials.ts';
import { credentialNames } from './json-credentials.ts';
import { isSameSecret, parseBasic, provesSecret, readPost } from './secret.ts';

export interface AuthParts extends AuthFailureParts {
  readonly clients: ClientDirectory;
  readonly now: () => number;
  readonly assertions: AssertionParts;
  readonly certificates: CertificateParts;
  readonly bearers: BearerParts;
}

const nobody: Form = new Map();

const provedMax = 1_000;

export class ClientAuth {
  readonly #parts: AuthParts;
  readonly #failures: AuthFailures;
  /**
   * Digests of Authorization headers that were proved, each with the client record that proved it. `clients`
   * reads records anew now and then: once it returns another object, the header has to be proved again.
   */
  readonly #proved = new LRUCache<Digest, Client>({ max: provedMax });

  constructor(parts: AuthParts) {
    this.#parts = parts;
    this.#failures = new AuthFailures(parts);
  }

  /** The client, if its Authorization header was proved before and its record is still remembered; does not wait. */
  recall(ctx: Context, form: Form): Caller | undefined {
    const header = digestOfHeader(ctx, form);
    const proved = header && this.#proved.get(header);
    const isStillCurrent = proved && proved === this.#parts.clients.recall(proved.clientId);
    return isStillCurrent ? noteCaller(ctx, callerOf(proved)) : undefined;
  }

  /** The client that the request authenticates; undefined when it brings no credentials at all. */
  async authenticate(ctx: Context, form: Form): Promise<Caller | undefined> {
    const { clients } = this.#parts;
    const header = digestOfHeader(ctx, form);
    const proved = header && this.#proved.get(header);
    if (proved && proved === (await clients.find(proved.clientId))) return noteCaller(ctx, callerOf(proved));
    const credentials = await this.#read(ctx, form);
    if (!credentials) return undefined;
    const client = await clients.find(credentials.clientId);
    if (!client || !(await this.#proves(client, credentials)))
      throw await this.#failures.refuseCredentials(
        ctx,
        credentials,
        client,
        this.#misfitOf(client, credentials),
      );
    if (header && client.secrets.every(({ expiresAt }) => expiresAt === null))
      this.#proved.set(header, client);
    return noteCaller(ctx, callerOf(client));
  }

  /** The same, where the bearer of an access token may call as well. */
  async authenticateAny(ctx: Context, form: Form = nobody): Promise<Caller | undefined> {
    const bearerToken = bearerOf(ctx);
    if (bearerToken === undefined) return this.authenticate(ctx, form);
    if (form.has('client_secret') || form.has('client_assertion')) throw twoMethods();
    const caller = await findBearer(this.#parts.bearers, bearerToken, this.#certificateOf(ctx));
    if (!caller) throw await this.#failures.refuseBearer(ctx);
    return noteCaller(ctx, caller);
  }

  /**
   * The caller, which must hold one of `permissions`, of a request that concerns all issuers. Bearers confined to one
   * issuer are refused, and so is If-Match: nothing here has a tag.
   */
  async permit(ctx: Context, ...permissions: readonly Permission[]): Promise<Caller> {
    const caller = await this.#permit(ctx, permissions);
    if (caller.onlyIssuer !== null)
      throw new Refusal('insufficient_permission', "this bearer reaches its own issuer's data only");
    demandNoTag(ctx);
    return caller;
  }

  /** The same for handlers that confine the request to `onlyIssuer` themselves. */
  async permitWithin(ctx: Context, ...permissions: readonly Permission[]): Promise<Caller> {
    const caller = await this.#permit(ctx, permissions);
    demandNoTag(ctx);
    return caller;
  }

  async #permit(ctx: Context, permissions: readonly Permission[]): Promise<Caller> {
    const caller = await this.authenticateAny(ctx);
    if (!caller)
      throw new Refusal('invalid_client', 'client authentication is missing', { headers: eitherChallenge });
    return demandPermission(caller, ...permissions);
  }

  /** Looks, in this order, for an Authorization header, an assertion, a secret in the body, a certificate. */
  async #read(ctx: Context, form: Form): Promise<Credentials | undefined> {
    const header = ctx.get('authorization');
    if (form.has('client_assertion') && (header !== '' || form.has('client_secret'))) throw twoMethods();
    const body = readAssertion(form) ?? readPost(form);
    if (header !== '') return this.#readHeader(ctx, header, body);
    const certificate = this.#certificateOf(ctx);
    // RFC 8705 §2: the client names itself in the body, the certificate proves it.
    if (!body?.methods.includes('none') || !certificate) return body;
    return {
      ...body,
      certificate,
      methods: [...body.methods, 'tls_client_auth', 'self_signed_tls_client_auth'],
    };
  }

  async #readHeader(ctx: Context, header: string, body: Credentials | undefined): Promise<Credentials> {
    const [, scheme = '', value = ''] = /^([^ ]*) *(.*)$/s.exec(header) ?? [];
    if (/^bearer$/i.test(scheme)) throw await this.#failures.refuseBearer(ctx);
    const basic = /^basic$/i.test(scheme) ? parseBasic(value) : undefined;
    if (!basic) throw await this.#failures.refuseHeader(ctx);
    if (!body) return basic;
    if (body.clientId !== basic.clientId) {
      throw badParameter('client_id', 'differs from the client that the Authorization header names');
    }
    if (body.clientSecret === undefined) return basic;
    // RFC 6749 §2.3 allows one method per request; gateways that add the same credentials again do no harm.
    if (!isSameSecret(body, basic)) throw twoMethods();
    return { ...basic, methods: [...basic.methods, ...body.methods] };
  }

  async #proves(client: Client, credentials: Credentials): Promise<boolean> {
    const { now, assertions, certificates } = this.#parts;
    const { authMethod } = client;
    const { assertion, certificate, methods } = credentials;
    if (client.disabledAt !== null || !methods.includes(authMethod)) return false;
    switch (authMethod) {
      case 'none':
        return true;
      case 'client_secret_basic':
      case 'client_secret_post':
        return provesSecret(client, credentials, now());
      case 'private_key_jwt':
        return assertion !== undefined && provesAssertion(assertions, client, assertion, now());
      case 'tls_client_auth':
        return certificate !== undefined && provesByAuthority(certificates, client, certificate, now());
      case 'self_signed_tls_client_auth':
        return certificate !== undefined && provesByOwnKey(certificates, client, certificate, now());
      default:
        return authMethod satisfies never;
    }
  }

  #misfitOf(client: Client | undefined, { assertion }: Credentials): string | undefined {
    const { now, assertions } = this.#parts;
    return client && assertion !== undefined ? misfitOf(assertion, client, assertions, now()) : undefined;
  }

  #certificateOf(ctx: Context): PresentedCertificate | undefined {
    return readCertificate(this.#parts.certificates, ctx);
  }
}

/** Notes the caller, for the log and for events of this request. */
function noteCaller(ctx: Context, caller: Caller): Caller {
  ctx.state.clientId = caller.clientId;
  ctx.state.caller = caller.actor;
  return caller;
}

/** Undefined if the body names a client or holds credentials, too. */
function digestOfHeader(ctx: Context, form: Form): Digest | undefined {
  const { authorization: header } = ctx.req.headers;
  if (!header || credentialNames.some((name) => form.has(name))) return undefined;
  return digestOf(header);
}

/** Refuses a caller that holds none of these permissions. */
export function demandPermission(caller: Caller, ...permissions: readonly Permission[]): Caller {
  if (permissions.some((permission) => holds(caller, permission))) return caller;
  throw new Refusal('insufficient_permission', `this needs the permission ${permissions.join(' or ')}`);
}
