// Where the public keys of an issuer or a client come from, as members of its record: given inline, or fetched from an
// address. Keys that a fetched set would skip (private, weak, for another use) are refused inline: an administrator is
// there to correct them.
import { z } from 'zod';
import { asymmetricAlgorithms, type KeySource, type PublicJwk } from '../domain/records/issuers.ts';
import { hasSecretMembers, KeySetRefused, readKeySet, suitsAny } from '../jwt/verifying-keys.ts';
import { isLoopback } from '../local-url.ts';
import { boundedJson } from './members.ts';
import { badParameter } from './refusal.ts';

export const jwksMember = boundedJson(z.unknown(), 65_536, 8);

interface KeyMembers {
  readonly jwks?: unknown;
  readonly jwks_uri?: string | undefined;
}

/** `certificates`: keys are compared with those of certificates, and verify nothing themselves. */
type Use = 'signatures' | 'certificates';

/** Undefined if neither is given. `allowHttp`: keys may be fetched without TLS from anywhere, not from this machine alone. */
export async function toKeySource(
  { jwks, jwks_uri: uri }: KeyMembers,
  allowHttp: boolean,
  use: Use = 'signatures',
): Promise<KeySource | undefined> {
  if (jwks !== undefined) return { kind: 'jwks', keys: await readJwks(jwks, use) };
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

async function readJwks(jwks: unknown, use: Use): Promise<readonly PublicJwk[]> {
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
    if (use === 'signatures' && !ready.every(suitsAny)) throw badParameter('jwks', suitsNone);
    return ready.map(({ jwk }) => jwk);
  } catch (error) {
    if (error instanceof KeySetRefused) throw badParameter('jwks', `is not a key set: ${error.message}`);
    throw error;
  }
}

const suitsNone = `holds a key that cannot verify: alg, if given, kty and crv must be those of one of ${asymmetricAlgorithms.join(', ')}`;

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
