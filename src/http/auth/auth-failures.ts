// What follows from a failed authentication: it is counted against its address and client, recorded in the audit
// trail, and logged with its cause; the caller gets the same refusal whatever the cause.
import { eventOf } from '../../domain/audit.ts';
import type { Client } from '../../domain/records/clients.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { originOf } from '../origin.ts';
import { basicChallenge, invalidTokenChallenge } from './challenges.ts';
import type { Credentials } from './credentials.ts';
import type { Throttle } from './throttle.ts';

export interface AuthFailureParts {
  readonly throttle: Throttle;
  readonly floodRecorder: FloodRecorder;
}

/** For the log only: callers get the same answer for every failure. */
interface Failure {
  readonly why:
    | 'malformed'
    | 'unknown_client'
    | 'suspended_client'
    | 'wrong_method'
    | 'wrong_proof'
    | 'wrong_bearer';
  /** The method that the client is registered for, if it used another. */
  readonly registered_for?: Client['authMethod'];
  /** The member of a client assertion that does not fit. */
  readonly member?: string | undefined;
}

/** Each method resolves, once the failure is on record, to the refusal that is to be thrown. */
export class AuthFailures {
  readonly #parts: AuthFailureParts;

  constructor(parts: AuthFailureParts) {
    this.#parts = parts;
  }

  /** An Authorization header that is neither Basic nor Bearer, or is no proper Basic. */
  async refuseHeader(ctx: Context): Promise<Refusal> {
    return this.#refuse(ctx, null, undefined, { why: 'malformed' }, failed());
  }

  /** Credentials that do not prove `client`, or that name none. */
  async refuseCredentials(
    ctx: Context,
    credentials: Credentials,
    client: Client | undefined,
    member: string | undefined,
  ): Promise<Refusal> {
    const why = whyNot(client, credentials, member);
    return this.#refuse(ctx, credentials.clientId, client, why, failed());
  }

  async refuseBearer(ctx: Context): Promise<Refusal> {
    const code = ctx.state.family === 'oauth' ? 'invalid_client' : 'invalid_token';
    const headers = invalidTokenChallenge;
    const refusal = new Refusal(code, 'the bearer token is not accepted here', { headers });
    return this.#refuse(ctx, null, undefined, { why: 'wrong_bearer' }, refusal);
  }

  /** Resolves to `refusal` or, if there were too many failures, to one that says so. */
  async #refuse(
    ctx: Context,
    clientId: string | null,
    client: Client | undefined,
    failure: Failure,
    refusal: Refusal,
  ): Promise<Refusal> {
    const { throttle, floodRecorder } = this.#parts;
    const seconds = await throttle.fail(clientId, ctx.state.ip);
    // Only the id of a client that exists is written down: anything else may be a secret in the wrong field.
    const known = client?.clientId ?? null;
    const origin = originOf(ctx, { kind: 'client', id: null });
    await floodRecorder.record(eventOf(origin, 'client_auth_failed', { clientId: known }));
    const { log, names } = ctx.state;
    log.info({ request_id: names.requestId, client_id: known, ...failure }, 'client authentication failed');
    return seconds > 0 ? tooManyFailures(seconds) : refusal;
  }
}

function whyNot(client: Client | undefined, { methods }: Credentials, member: string | undefined): Failure {
  if (!client) return { why: 'unknown_client' };
  if (client.disabledAt !== null) return { why: 'suspended_client' };
  const isRegisteredFor = methods.includes(client.authMethod);
  return isRegisteredFor
    ? { why: 'wrong_proof', member }
    : { why: 'wrong_method', registered_for: client.authMethod };
}

function failed(): Refusal {
  return new Refusal('invalid_client', 'client authentication failed', { headers: basicChallenge });
}

function tooManyFailures(seconds: number): Refusal {
  return new Refusal('too_many_failures', 'too many failed authentications, try again later', {
    headers: { 'Retry-After': String(seconds) },
  });
}
