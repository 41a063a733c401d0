// A `jwks` member in a body: public keys that an administrator gives inline. Keys that a fetched set would skip
// (private, weak, for another use) are refused here: an administrator is there to correct them.
import type { PublicJwk } from '../domain/records/issuers.ts';
import { hasSecretMembers, KeySetRefused, readKeySet } from '../jwt/verifying-keys.ts';
import { badParameter } from './refusal.ts';

export async function readJwks(name: string, jwks: unknown): Promise<readonly PublicJwk[]> {
  const given = (jwks as { keys?: unknown } | null)?.keys;
  const keys = Array.isArray(given) ? given : [];
  const isSecret = (key: unknown) => typeof key === 'object' && key !== null && hasSecretMembers(key);
  if (keys.some(isSecret))
    throw badParameter(name, 'holds a private or symmetric key; give public keys only');
  try {
    const ready = await readKeySet(jwks);
    if (ready.length === 0) throw badParameter(name, 'holds no key that can verify');
    if (ready.length < keys.length)
      throw badParameter(name, 'holds a key that cannot verify, or is weaker than RSA 2048');
    return ready.map(({ jwk }) => jwk);
  } catch (error) {
    if (error instanceof KeySetRefused) throw badParameter(name, `is not a key set: ${error.message}`);
    throw error;
  }
}
