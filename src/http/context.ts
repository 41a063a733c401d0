// What a request carries through the middleware: who asks, from where, and what may be written down of it; how its
// headers are read, and how its outcome is logged.
import { randomUUID } from 'node:crypto';
import type { DefaultContext, ParameterizedContext } from 'koa';
import type { Logger } from 'pino';
import type { Actor } from '../domain/audit.ts';
import type { ErrorFamily } from '../wire/refusal.ts';

export interface State {
  requestId: string;
  /** Address of the caller, through trusted proxies. */
  ip: string;
  family: ErrorFamily;
  /** The route's pattern; the path itself is never logged, it may hold anything. */
  route: string;
  /** The authenticated client. */
  clientId: string | null;
  /** Who calls, once that is known: a client, or the user of a bearer token. */
  caller: Actor | null;
  /** The bytes of the body, from when it was read until it is parsed. */
  body: Buffer | null;
  /** The body was read, or will not be and `dropChosenNames` has run. */
  isRead: boolean;
  /** Secrets of the request that its User-Agent repeats. */
  secrets: Set<string>;
  /** The User-Agent as it may be written down, without those secrets; undefined until it is needed. */
  userAgent: string | null | undefined;
  log: Logger;
}

export type Context = ParameterizedContext<State, DefaultContext>;
export type Next = () => Promise<unknown>;

/** Logs what became of a request, with its id and client as they may be written down by then. */
export function logOutcome(ctx: Context, what: string, fields: Readonly<Record<string, unknown>>): void {
  const { requestId, clientId, log } = ctx.state;
  log.info({ request_id: requestId, client_id: clientId, ...fields }, what);
}

const acceptableRequestId = /^[A-Za-z0-9._-]{1,64}$/;

export function requestIdOf(header: string): string {
  if (header === '') return randomUUID();
  const looksLikeJwt = header.startsWith('eyJ');
  return acceptableRequestId.test(header) && !looksLikeJwt ? header : randomUUID();
}

/** Is the body of this media type, whatever its parameters (RFC 9110 §8.3.1)? */
export function isOfType(ctx: Context, mediaType: string): boolean {
  const written = ctx.req.headers['content-type'] ?? '';
  if (written === mediaType) return true;
  const [type = ''] = written.split(';', 1);
  return type.trim().toLowerCase() === mediaType;
}

/** The token in `Authorization: Bearer` (RFC 6750 §2.1). */
export function bearerOf(ctx: Context): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(ctx.req.headers.authorization ?? '')?.[1];
}
