// client_secret_basic, client_secret_post and none (RFC 6749 §2.3.1): a secret that both sides know, or a
// client that only names itself.
import { timingSafeEqual } from 'node:crypto';
import { digestOf } from '../../domain/claims.ts';
import type { Client } from '../../domain/records/clients.ts';
import { missingParameter } from '../../wire/refusal.ts';
import type { Form } from '../reading/form.ts';
import { formDecode } from '../reading/urlencoded.ts';
import type { Credentials } from './credentials.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const someDigest = digestOf('no secret has this digest');

/** RFC 6749 §2.3.1: id and secret are form-encoded before they are joined and base64-encoded. */
export function parseBasic(value: string): Credentials | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return undefined;
  try {
    const text = utf8.decode(Buffer.from(value, 'base64'));
    const colon = text.indexOf(':');
    if (colon < 1) return undefined;
    const clientId = formDecode(text.slice(0, colon));
    const clientSecret = formDecode(text.slice(colon + 1));
    return { clientId, clientSecret, methods: ['client_secret_basic'] };
  } catch {
    return undefined;
  }
}

export function readPost(form: Form): Credentials | undefined {
  const clientId = form.get('client_id');
  const clientSecret = form.get('client_secret');
  if (clientId === undefined) {
    if (clientSecret !== undefined) throw missingParameter('client_id');
    return undefined;
  }
  if (clientSecret === undefined) return { clientId, methods: ['none'] };
  return { clientId, clientSecret, methods: ['client_secret_post'] };
}

/** Takes the same time whether the client has no valid secret or the presented one is wrong. */
export function provesSecret(client: Client, { clientSecret = '' }: Credentials, now: number): boolean {
  const valid = client.secrets.filter((secret) => secret.expiresAt === null || secret.expiresAt > now);
  const presented = digestOf(clientSecret);
  const candidates = valid.length === 0 ? [someDigest] : valid.map((secret) => secret.digest);
  return candidates.map((digest) => isSame(digest, presented)).includes(true) && valid.length > 0;
}

export function isSameSecret(one: Credentials, other: Credentials): boolean {
  return isSame(digestOf(one.clientSecret ?? ''), digestOf(other.clientSecret ?? ''));
}

function isSame(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one, 'hex'), Buffer.from(other, 'hex'));
}
