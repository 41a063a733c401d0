// The secrets of a request, in its header and body: where they are, and that none of them is written down, wherever its
// sender repeats it.
import { randomUUID } from 'node:crypto';
import { isObject } from '../domain/values/json-values.ts';
import { parseBasic } from './auth/secret.ts';
import type { Context } from './context.ts';

/** Members of bodies that must never be written down. */
export const secretNames = [
  'token',
  'refresh_token',
  'logout_token',
  'replaces',
  'client_secret',
  'client_assertion',
] as const;

const namesInBodies = [...secretNames, 'tokens'];

/**
 * The secrets in a body, in the items of an array, in a list of tokens, and in the target of a revocation. Deeper
 * levels are not searched: no valid body has secrets there, and arrays may be nested by the thousand.
 */
export function secretsIn(body: unknown): string[] {
  const secrets: string[] = [];
  const take = (value: unknown) => {
    if (typeof value === 'string') secrets.push(value);
  };
  for (const item of Array.isArray(body) ? body : [body])
    for (const holder of [item, item?.target]) {
      if (!isObject(holder)) continue;
      for (const name of namesInBodies) {
        const value = holder[name];
        if (Array.isArray(value)) value.forEach(take);
        else take(value);
      }
    }
  return secrets;
}

/** A User-Agent that repeats more secrets is dropped: to look for each of thousands would take too long. */
const repeatedSecretsMax = 4;

/**
 * Keeps secrets out of all records, even if the caller repeats them in its request id or User-Agent. Called for every
 * body as soon as it is read.
 */
export function protect(ctx: Context, secrets: Iterable<string>): void {
  const { state } = ctx;
  const userAgent = ctx.req.headers['user-agent'] ?? '';
  for (const secret of secrets) {
    if (secret === '') continue;
    if (state.requestId.includes(secret)) state.requestId = randomUUID();
    // In this order, as looking for a long token in a set reads all of it.
    if (state.userAgent === null || !userAgent.includes(secret) || state.secrets.has(secret)) continue;
    state.secrets.add(secret);
    state.userAgent = state.secrets.size > repeatedSecretsMax ? null : undefined;
  }
}

/** A shorter request id is taken to be no secret while the body is unread. */
const secretLengthMin = 16;
/** No browser's User-Agent has a word this long. */
const longWord = /[^\s;,()]{20}/;
/** Most request ids are UUIDs, which nobody uses as a secret. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * For a body whose secrets are unknown, as it could not be parsed or was not read. Drops the request id if the body
 * contains it or, unread, might; drops a User-Agent that has room for a secret.
 */
export function dropChosenNames(ctx: Context): void {
  const { state } = ctx;
  const { body } = state;
  const isLong = state.requestId.length >= secretLengthMin && !uuid.test(state.requestId);
  const isRisky = body === null ? isLong : body.includes(state.requestId);
  if (isRisky) state.requestId = randomUUID();
  if (longWord.test(ctx.get('user-agent'))) state.userAgent = null;
}

/** For a request that is refused, or acted on, before its body was read. */
export function protectUnread(ctx: Context): void {
  if (ctx.state.isRead || !hasBody(ctx)) return;
  ctx.state.isRead = true;
  dropChosenNames(ctx);
}

/** Whether the request says that it has a body. */
export function hasBody(ctx: Context): boolean {
  return ctx.get('transfer-encoding') !== '' || (ctx.request.length ?? 0) > 0;
}

/** A shorter text is no credential, and may well stand in a request id by chance. */
const credentialLengthMin = 8;
const credentialHeaders = ['authorization', 'proxy-authorization', 'cookie'] as const;

/** What may be a secret in the headers for credentials, however it is written there. */
export function headerSecrets(ctx: Context): string[] {
  return credentialHeaders.flatMap((name) => {
    const value = ctx.get(name).trim();
    if (value === '') return [];
    const credentials = value.replace(/^\S+\s+/, '');
    const values = name === 'cookie' ? value.split(/;\s*/).map((pair) => pair.replace(/^[^=]*=/, '')) : [];
    const secrets = [value, credentials, credentials.replace(/^[^:]*:/, ''), ...values].flatMap((text) => [
      text,
      text.replace(/^"(.*)"$/s, '$1'),
    ]);
    secrets.push(parseBasic(credentials)?.clientSecret ?? '');
    return [...new Set(secrets)].filter((text) => text.length >= credentialLengthMin);
  });
}
