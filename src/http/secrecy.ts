// What may be written down of a request: none of the secrets of its header and body, wherever its sender repeats them.
import { randomUUID } from 'node:crypto';
import type { Actor, Origin } from '../domain/audit.ts';
import { plainText, userAgentMax } from '../domain/plain-text.ts';
import { parseBasic } from './auth/secret.ts';
import { bearerOf, type Context } from './context.ts';

const channelOf = { oauth: 'oauth', logout: 'logout', events: 'inbox', v1: 'api' } as const;

/** The origin that events of this request bear; not before its body was read and protected. */
export function originOf(ctx: Context, actor: Actor): Origin {
  protectUnread(ctx);
  const { requestId, ip, secrets } = ctx.state;
  if (ctx.state.userAgent === undefined) {
    const given = ctx.get('user-agent');
    const known = given === '' ? [] : [...secrets, ...headerSecrets(ctx)];
    ctx.state.userAgent = plainText(given, userAgentMax, known);
  }
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
/** As most name their requests, and nobody is known to be that used a body's secret for it. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Of a body that could not be understood nobody knows which of it is secret. The name that the caller chose for the
 * request is dropped where it is in the body, too, and where the body was not even read; a User-Agent, where there is
 * room in it for a secret.
 */
export function dropChosenNames(ctx: Context): void {
  const { state } = ctx;
  const { body } = state;
  const isLong = state.requestId.length >= secretLengthMin && !uuid.test(state.requestId);
  const isRisky = body === null ? isLong : body.includes(state.requestId);
  if (isRisky) state.requestId = randomUUID();
  if (longWord.test(ctx.get('user-agent'))) state.userAgent = null;
}

/** What is refused, or done, before its body was read: nobody knows what that holds. */
export function protectUnread(ctx: Context): void {
  if (ctx.state.isRead || !hasBody(ctx)) return;
  ctx.state.isRead = true;
  dropChosenNames(ctx);
}

/** Whether the request says that it has a body. */
export function hasBody(ctx: Context): boolean {
  return ctx.get('transfer-encoding') !== '' || (ctx.request.length ?? 0) > 0;
}

/** The secret or token in `Authorization`, if there is one. */
export function headerSecrets(ctx: Context): string[] {
  const basic = parseBasic(ctx.get('authorization').replace(/^basic +/i, ''));
  const secret = basic?.clientSecret ?? bearerOf(ctx) ?? '';
  return secret === '' ? [] : [secret];
}
