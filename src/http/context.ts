// What a request carries through the middleware: its id, its address, and where its answer's errors belong.
import { randomUUID } from 'node:crypto';
import type { DefaultContext, ParameterizedContext } from 'koa';
import type { Logger } from 'pino';
import type { Actor, Origin } from '../domain/audit.ts';
import { plainText, userAgentMax } from '../domain/plain-text.ts';
import type { Family } from './refusal.ts';

export interface State {
  requestId: string;
  /** Address of the caller, through trusted proxies. */
  ip: string;
  family: Family;
  /** The route's pattern; the path itself is never logged, it may hold anything. */
  route: string;
  /** The authenticated client. */
  clientId: string | null;
  /** Who calls, once that is known: a client, or the user of a bearer token. */
  caller: Actor | null;
  /** As it came, from when it was read until it is understood. */
  body: Buffer | null;
  /** Secrets of the request that its User-Agent repeats. */
  secrets: Set<string>;
  /** The User-Agent as it may be written down, without those; undefined until somebody asks. */
  userAgent: string | null | undefined;
  log: Logger;
}

export type Context = ParameterizedContext<State, DefaultContext>;
export type Next = () => Promise<unknown>;

const acceptableRequestId = /^[A-Za-z0-9._-]{1,64}$/;

export function requestIdOf(header: string): string {
  if (header === '') return randomUUID();
  const looksLikeJwt = header.startsWith('eyJ');
  return acceptableRequestId.test(header) && !looksLikeJwt ? header : randomUUID();
}

const channelOf = { oauth: 'oauth', logout: 'logout', events: 'inbox', v1: 'api' } as const;

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

/** The origin that events of this request bear; not before its body was read and protected. */
export function originOf(ctx: Context, actor: Actor): Origin {
  const { requestId, ip, secrets } = ctx.state;
  if (ctx.state.userAgent === undefined)
    ctx.state.userAgent = plainText(ctx.get('user-agent'), userAgentMax, [...secrets]);
  const { userAgent } = ctx.state;
  return { actor, channel: channelOf[ctx.state.family], ip, userAgent, requestId };
}

/** Members of bodies that nobody may write down. */
export const secretNames = [
  'token',
  'refresh_token',
  'logout_token',
  'replaces',
  'client_secret',
  'client_assertion',
] as const;

/** A User-Agent that repeats more secrets is dropped: to look for each of thousands would take too long. */
const repeatedSecretsMax = 4;

/**
 * Secrets that a caller has pasted into its request id or User-Agent as well are written down nowhere. Bodies are
 * protected as soon as they are read, whatever becomes of the request.
 */
export function protect(ctx: Context, secrets: Iterable<string>): void {
  const { state } = ctx;
  const userAgent = ctx.req.headers['user-agent'] ?? '';
  for (const secret of secrets) {
    if (secret === '') continue;
    if (state.requestId.includes(secret)) state.requestId = randomUUID();
    if (state.userAgent === null || state.secrets.has(secret) || !userAgent.includes(secret)) continue;
    state.secrets.add(secret);
    state.userAgent = state.secrets.size > repeatedSecretsMax ? null : undefined;
  }
}

/** Shorter names of requests are nobody's secret, as far as one can tell without the body. */
const secretLengthMin = 16;
/** A word as no browser has it in its name. */
const longWord = /[^\s;,()]{20}/;

/**
 * Of a body that could not be understood nobody knows which of it is secret. The name that the caller chose for the
 * request is dropped where it is in the body, too, and where the body was not even read; a User-Agent, where there is
 * room in it for a secret.
 */
export function dropChosenNames(ctx: Context): void {
  const { state } = ctx;
  const { body } = state;
  const isRisky = body === null ? state.requestId.length >= secretLengthMin : body.includes(state.requestId);
  if (isRisky) state.requestId = randomUUID();
  if (longWord.test(ctx.get('user-agent'))) state.userAgent = null;
}
