// Where the public keys of an issuer or a client come from, as members of its record: given inline, or fetched from an
// address. Keys that a fetched set would skip (private, weak, for another use) are refused inline: an administrator is
// there to correct them.
import { z } from 'zod';
import type { KeySource, PublicJwk } from '../domain/records/issuers.ts';
import { hasSecretMembers, KeySetRefused, readKeySet } from '../jwt/verifying-keys.ts';
import { isLoopback } from '../local-url.ts';
import { boundedJson } from './members.ts';
import { badParameter } from './refusal.ts';

export const jwksMember = boundedJson(z.unknown(), 65_536, 8);

interface KeyMembers {
  readonly jwks?: unknown;
  readonly jwks_uri?: string | undefined;
}

/** Undefined if neither is given. `allowHttp`: keys may be fetched without TLS from anywhere, not from this machine alone. */
export async function toKeySource(
  { jwks, jwks_uri: uri }: KeyMembers,
  allowHttp: boolean,
): Promise<KeySource | undefined> {
  if (jwks !== undefined) return { kind: 'jwks', keys: await readJwks(jwks) };
  if (uri === undefined) return undefined;
  return { kind: 'jwks_uri', uri: checkKeyUrl('jwks_uri', uri, allowHttp) };
}

export function checkKeyUrl(name: string, url: string, allowHttp: boolean): string {
  const parsed = URL.canParse(url) && url.trim() === url ? new URL(url) : undefined;
  const { protocol = '', hostname = '', username, password } = parsed ?? {};
  const isSafe = protocol === 'https:' || (protocol === 'http:' && (allowHttp || isLoopback(hostname)));
  if (!isSafe || username !== '' || password !== '')
    throw badParameter(name, 'must be an https URL without a user name');
  return url;
}

async function readJwks(jwks: unknown): Promise<readonly PublicJwk[]> {
  const given = (jwks as { keys?: unknown } | null)?.keys;
  const keys = Array.isArray(given) ? given : [];
  const isSecret = (key: unknown) => typeof key === 'object' && key !== null && hasSecretMembers(key);
  if (keys.some(isSecret))
    throw badParameter('jwks', 'holds a private or symmetric key; give public keys only');
  try {
    const ready = await readKeySet(jwks);
    if (ready.length === 0) throw badParameter('jwks', 'holds no key that can verify');
    if (ready.length < keys.length)
      throw badParameter('jwks', 'holds a key that cannot verify, or is weaker than RSA 2048');
    return ready.map(({ jwk }) => jwk);
  } catch (error) {
    if (error instanceof KeySetRefused) throw badParameter('jwks', `is not a key set: ${error.message}`);
    throw error;
  }
}

export function keySourceToWire(source: KeySource): Record<string, unknown> {
  switch (source.kind) {
    case 'discovery':
      return { discovery: true };
    case 'jwks_uri':
      return { jwks_uri: source.uri };
    case 'jwks':
      return { jwks: { keys: source.keys } };
    default:
      return source satisfies never;
  }
}
