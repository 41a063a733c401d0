// Refusals: requests that are answered with an error. A refusal says what is wrong in words that may leave the
// process: it names parameters, never their values. Its form on the wire depends on the endpoint's family: OAuth (RFC
// 6749 §5.2), the envelope of /logout, security events (RFC 8935 §2.3), or RFC 9457 for all the rest.
import type { NamedInEvent } from '../domain/audit.ts';

export interface RefusedParameter {
  readonly parameter: string;
  readonly message: string;
}

interface Details {
  readonly headers?: Readonly<Record<string, string>>;
  readonly parameters?: readonly RefusedParameter[];
  /** Further members of the problem (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Who and what it is about, for the audit trail. */
  readonly about?: NamedInEvent;
  /** The operation that refused has already written an event about it. */
  readonly isRecorded?: boolean;
}

interface RefusalKind {
  readonly status: number;
  readonly title: string;
  /** The `error` that OAuth endpoints give; without it `invalid_request`. */
  readonly oauth?: string;
}

const kinds = {
  invalid_request: { status: 400, title: 'The request is malformed' },
  invalid_grant: { status: 400, title: 'The token belongs to another client', oauth: 'invalid_grant' },
  invalid_client: { status: 401, title: 'Client authentication failed', oauth: 'invalid_client' },
  invalid_token: { status: 401, title: 'The bearer token is not accepted', oauth: 'invalid_token' },
  insufficient_permission: {
    status: 403,
    title: 'The client lacks the permission',
    oauth: 'unauthorized_client',
  },
  issuer_not_allowed: {
    status: 403,
    title: 'The client may not act for this issuer',
    oauth: 'unauthorized_client',
  },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The method is not offered here' },
  claims_conflict: { status: 409, title: 'The token is registered with other claims' },
  grant_conflict: { status: 409, title: 'The grant belongs to another issuer, client or user' },
  session_conflict: { status: 409, title: 'The session belongs to another issuer or user' },
  rotation_conflict: { status: 409, title: 'The token to be replaced does not match' },
  refresh_token_dead: { status: 409, title: 'The token to be replaced is not alive', oauth: 'invalid_grant' },
  refresh_token_reuse: {
    status: 409,
    title: 'The token to be replaced was replaced before; its grant is revoked',
    oauth: 'invalid_grant',
  },
  confirmation_required: { status: 409, title: 'The revocation must be confirmed' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key was used for another request' },
  issuer_exists: { status: 409, title: 'The issuer is on record' },
  client_exists: { status: 409, title: 'A client with this client_id exists' },
  precondition_failed: { status: 412, title: 'A condition of the request is not met' },
  too_large: { status: 413, title: 'The body is too large' },
  too_many_items: { status: 413, title: 'The array has too many items' },
  unsupported_media_type: { status: 415, title: 'The content type is not accepted here' },
  too_many_failures: {
    status: 429,
    title: 'Too many failed authentications',
    oauth: 'temporarily_unavailable',
  },
  too_many_fields: { status: 431, title: 'The header has too many fields' },
  server_error: { status: 500, title: 'The server failed', oauth: 'server_error' },
  unknown_transfer_coding: { status: 501, title: 'The transfer coding is not implemented' },
  unsupported_version: { status: 505, title: 'The version of HTTP is not supported' },
  temporarily_unavailable: {
    status: 503,
    title: 'The server cannot answer reliably now',
    oauth: 'temporarily_unavailable',
  },
} satisfies Readonly<Record<string, RefusalKind>>;
export type RefusalCode = keyof typeof kinds;

export const refusalCodes: Readonly<Record<RefusalCode, RefusalKind>> = kinds;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly parameters: readonly RefusedParameter[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly isRecorded: boolean;
  about: NamedInEvent;

  /** Without a stack: nobody reads where an answer was thrown, and capturing it takes a tenth of a refused request. */
  constructor(code: RefusalCode, message: string, details: Details = {}) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.headers = details.headers ?? {};
    this.parameters = details.parameters ?? [];
    this.members = details.members ?? {};
    this.about = details.about ?? {};
    this.isRecorded = details.isRecorded ?? false;
  }
}

export function missingParameter(parameter: string): Refusal {
  return badParameter(parameter, 'is missing');
}

export function badParameter(parameter: string, problem: string, details: Details = {}): Refusal {
  const message = `${parameter} ${problem}`;
  return new Refusal('invalid_request', message, { ...details, parameters: [{ parameter, message }] });
}

/** Names chosen by strangers appear in errors only when they look like names: a token may stand where a name should. */
export function safeName(name: string): string {
  const isName = /^[A-Za-z_][A-Za-z0-9_.]{0,39}$/.test(name) && !/^(?=.*\d).{16}/.test(name);
  return isName ? name : 'a parameter';
}

/** How a refusal looks to the callers of an endpoint. */
export type ErrorFamily = 'oauth' | 'logout' | 'events' | 'v1';

export interface RenderedRefusal {
  readonly status: number;
  readonly contentType: string;
  /** Headers of the family, beside the refusal's own. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

export function render(refusal: Refusal, family: ErrorFamily): RenderedRefusal {
  const { status, title, oauth = 'invalid_request' } = refusalCodes[refusal.code];
  const { message, parameters } = refusal;
  switch (family) {
    case 'oauth': {
      // RFC 6749 has no 415: a body of the wrong type is an invalid request.
      const body = { error: oauth, error_description: oauthDescription(message) };
      return { status: status === 415 ? 400 : status, contentType: 'application/json', body };
    }
    case 'logout': {
      const errors = parameters.map(({ parameter, message }) => ({ field: parameter, message }));
      return {
        status,
        contentType: 'application/json',
        body: { success: false, message, data: null, errors },
      };
    }
    case 'events': {
      // The registry of §2.4 has no code for a server that fails, so OAuth's is used.
      const body = { err: oauth, description: message };
      const headers = { 'Content-Language': 'en' };
      return { status: status === 415 ? 400 : status, contentType: 'application/json', headers, body };
    }
    case 'v1': {
      const errors = parameters.length === 0 ? {} : { errors: parameters };
      const body = {
        type: `/problems/${refusal.code}`,
        title,
        status,
        detail: message,
        code: refusal.code,
        ...errors,
        ...refusal.members,
      };
      return { status, contentType: 'application/problem+json', body };
    }
    default:
      return family satisfies never;
  }
}

/** RFC 6749 §5.2: only %x20-21 / %x23-5B / %x5D-7E. */
function oauthDescription(message: string): string {
  return message.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ');
}

/** Runs `work`; refusals that it throws are about these names. */
export async function withNames<T>(named: NamedInEvent, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) error.about = named;
    throw error;
  }
}
