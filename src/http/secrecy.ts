// The secrets of a request, in its header and body: where they are, and that none of them is written down, wherever its
// sender repeats it.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isObject } from '../domain/values/json-values.ts';
import { couldShow, plainText, userAgentMax } from '../domain/values/plain-text.ts';
import { parseBasic } from './auth/secret.ts';
import { hasBody } from './reading/body-flow.ts';

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
 * levels are not searched: no valid body has secrets there.
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

/** Could a request have this id? */
export function isRequestId(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(text);
}

export function requestIdOf({ headers }: IncomingMessage): string {
  const given = String(headers['x-request-id'] ?? '');
  const looksLikeJwt = given.startsWith('eyJ');
  return isRequestId(given) && !looksLikeJwt ? given : randomUUID();
}

/** A User-Agent that repeats more secrets is dropped: to look for each of thousands would take too long. */
const repeatedSecretsMax = 4;
/** The same for both names if there are more: each of the largest array may have a token and one that it replaces. */
const secretsMax = 2_000;
/** A shorter request id is taken to be no secret while the body is unread. */
const secretLengthMin = 16;
/** No browser's User-Agent has a word this long. */
const longWord = /[^\s;,()]{20}/;
/** Most request ids are UUIDs, which nobody uses as a secret. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The names that a caller chose, its request id and User-Agent, as they may be written down at any time: while the
 * secrets of the body are unknown, a name that could hold one is replaced or dropped.
 */
export class ChosenNames {
  readonly #request: IncomingMessage;
  #requestId: string;
  /** Without the secrets that it repeats; undefined until it is needed. */
  #userAgent: string | null | undefined;
  readonly #repeated = new Set<string>();
  /** What was read and is not understood yet. */
  #body: Buffer | null = null;
  /** Does no secret of the body stand in the names? */
  #isSettled = false;

  constructor(request: IncomingMessage) {
    this.#request = request;
    this.#requestId = requestIdOf(request);
    // Only a request id that the caller chose can hold a secret of the header.
    if (request.headers['x-request-id']) this.hide(headerSecrets(request));
  }

  get requestId(): string {
    this.#settle();
    return this.#requestId;
  }

  get userAgent(): string | null {
    this.#settle();
    if (this.#userAgent === undefined) {
      const given = this.#request.headers['user-agent'] ?? '';
      if (given !== '') this.hide(headerSecrets(this.#request));
      if (this.#userAgent === undefined)
        this.#userAgent = plainText(given, userAgentMax, [...this.#repeated]);
    }
    return this.#userAgent;
  }

  /** The body was read. */
  received(body: Buffer): void {
    this.#body = body;
    this.#isSettled = body.length === 0;
  }

  /** The body holds these secrets and no others. */
  understood(secrets: readonly string[]): void {
    this.hide(secrets);
    this.#body = null;
    this.#isSettled = true;
  }

  /** For a body that is read while its request is acted on: the request id could be a token that is still to come. */
  beginStream(): void {
    this.#requestId = randomUUID();
    this.#isSettled = true;
  }

  hide(secrets: readonly string[]): void {
    if (secrets.length > secretsMax) {
      this.#requestId = randomUUID();
      this.#userAgent = null;
      return;
    }
    const userAgent = this.#request.headers['user-agent'] ?? '';
    for (const secret of secrets) {
      if (secret === '') continue;
      if (this.#requestId.includes(secret)) this.#requestId = randomUUID();
      // In this order, as looking for a long token in a set reads all of it.
      if (
        this.#userAgent === null ||
        !couldShow(userAgent, userAgentMax, secret) ||
        this.#repeated.has(secret)
      )
        continue;
      this.#repeated.add(secret);
      this.#userAgent = this.#repeated.size > repeatedSecretsMax ? null : undefined;
    }
  }

  /**
   * For secrets that are unknown. Drops the request id if the body contains it or, unread, might; drops a User-Agent that
   * has room for a secret.
   */
  distrust(): void {
    const isLong = this.#requestId.length >= secretLengthMin && !uuid.test(this.#requestId);
    const isRisky = this.#body === null ? isLong : this.#body.includes(this.#requestId);
    if (isRisky) this.#requestId = randomUUID();
    if (longWord.test(this.#request.headers['user-agent'] ?? '')) this.#userAgent = null;
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (hasBody(this.#request)) this.distrust();
  }
}

/** A shorter text is no credential, and may well stand in a request id by chance; but a bearer token is what it is. */
const credentialLengthMin = 8;
const credentialHeaders = ['authorization', 'proxy-authorization', 'cookie'] as const;

/** What may be a secret in the headers for credentials, however it is written there. */
export function headerSecrets({ headers }: IncomingMessage): string[] {
  return credentialHeaders.flatMap((name) => {
    const value = (headers[name] ?? '').trim();
    if (value === '') return [];
    const credentials = value.replace(/^\S+\s+/, '');
    const values = name === 'cookie' ? value.split(/;\s*/).map((pair) => pair.replace(/^[^=]*=/, '')) : [];
    const secrets = [value, credentials, credentials.replace(/^[^:]*:/, ''), ...values].flatMap((text) => [
      text,
      text.replace(/^"(.*)"$/s, '$1'),
    ]);
    secrets.push(parseBasic(credentials)?.clientSecret ?? '');
    const isBearer = /^bearer\s/i.test(value);
    return [...new Set(secrets)].filter(
      (text) => text.length >= credentialLengthMin || (isBearer && text === credentials),
    );
  });
}
