// Which key of a set signed a JWT: the keys at hand are tried first, and fetched again when the key that the
// JWT names is not among them.
import type { UntrustedJwt } from '../domain/tokens/jwt-shape.ts';
import type { KeyOwner, KeyRing } from './key-ring.ts';
import { isSignedBy } from './verify-signature.ts';
import { suits, type VerifyingKey } from './verifying-keys.ts';

/**
 * Rejects with `KeysUnavailable` when neither yes nor no is certain. `mustBeSure` is for a no that will be acted on:
 * then a key is unknown only if the keys were fetched after this call began.
 */
export async function findSigner(
  presentedToken: string,
  jwt: UntrustedJwt,
  alg: string,
  keyRing: KeyRing,
  owner: KeyOwner,
  { mustBeSure = false } = {},
): Promise<VerifyingKey | undefined> {
  const asked = keyRing.now();
  const held = await keyRing.current(owner);
  const signer = await findAmong(presentedToken, jwt, alg, held);
  // If we hold the named key and it did not sign, the answer is no, unless it will be acted on: the kid may have been
  // given to another key since. A key that we do not hold may be new.
  if (signer || (!mustBeSure && isNamedIn(jwt, alg, held))) return signer;
  const keys = await keyRing.certain(owner, mustBeSure ? asked : undefined);
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
