// Which key of a set signed a JWT: the keys at hand are tried first, and fetched again when the key that the
// JWT names is not among them.
import type { UntrustedJwt } from '../domain/jwt-shape.ts';
import type { Keyed, KeyRing } from './key-ring.ts';
import { suits, type VerifyingKey } from './key-set.ts';
import { isSignedBy } from './verify-signature.ts';

/**
 * Rejects with `KeysUnavailable` when neither yes nor no is certain. Where a no will be acted on, `mustBeSure`: then a
 * key is unknown only if the keys were fetched after this was asked.
 */
export async function findSigner(
  presentedToken: string,
  jwt: UntrustedJwt,
  alg: string,
  keyRing: KeyRing,
  source: Keyed,
  { mustBeSure = false } = {},
): Promise<VerifyingKey | undefined> {
  const asked = keyRing.now();
  const held = await keyRing.current(source);
  const signer = await findAmong(presentedToken, jwt, alg, held);
  // A key that we hold and that did not sign is answer enough, unless a no will be acted on: its kid may be given to
  // another key since. One that we do not hold may be new.
  if (signer || (!mustBeSure && isNamedIn(jwt, alg, held))) return signer;
  const keys = await keyRing.certain(source, mustBeSure ? asked : undefined);
  return keys === held ? undefined : findAmong(presentedToken, jwt, alg, keys);
}

function isNamedIn(jwt: UntrustedJwt, alg: string, keys: readonly VerifyingKey[]): boolean {
  const { kid } = jwt.header;
  return kid !== undefined && keys.some((key) => key.kid === kid && suits(key, alg));
}

async function findAmong(
  presentedToken: string,
  jwt: UntrustedJwt,
  alg: string,
  keys: readonly VerifyingKey[],
): Promise<VerifyingKey | undefined> {
  const { kid } = jwt.header;
  for (const key of keys) {
    const isCandidate = kid === undefined || key.kid === undefined || key.kid === kid;
    if (isCandidate && (await isSignedBy(presentedToken, key, alg))) return key;
  }
  return undefined;
}
