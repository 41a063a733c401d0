// A set of public keys (RFC 7517 §5), made ready for verifying: each key with its RFC 7638 thumbprint, without keys
// that are private, symmetric, weak or for another use. Or the set as it may be published.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { isId } from '../domain/claims.ts';
import { asymmetricAlgorithms, type IssuerKey } from '../domain/records/issuers.ts';
import type { NewIssuer } from '../domain/records/manage-issuers.ts';
import { isObject } from '../domain/values/json-values.ts';

export interface VerifyingKey {
  readonly kid: string | undefined;
  readonly thumbprint: string;
  readonly kty: string;
  readonly crv: string | undefined;
  /** The only algorithm it is for, if it says so. */
  readonly alg: string | undefined;
  readonly jwk: JWK;
  readonly key: KeyObject;
}

export class KeySetRefused extends Error {
  override readonly name = 'KeySetRefused';
}

const keysMax = 100;
const rsaBitsMin = 2048;
const rsaBitsMax = 8192;
/** Nearly all keys have 65537. With 1 everybody could sign; a long exponent makes verifying a hundred times slower. */
const rsaExponents = { min: 3n, max: 2n ** 32n };

/** Members of RFC 7518 §6 that only private and symmetric keys have. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;

export function hasSecretMembers(jwk: object): boolean {
  return secretMembers.some((member) => member in jwk);
}

/** Throws `KeySetRefused` for what is no key set; skips keys in it that cannot be used. */
export async function readKeySet(document: unknown): Promise<VerifyingKey[]> {
  const ready = await Promise.all(keysIn(document).map(readKey));
  return ready.filter((key) => key !== undefined);
}

/**
 * The part of a set that may be published, whatever its keys are for. Throws `KeySetRefused` for what is no key set.
 */
export function publicKeysIn(document: unknown): JWK[] {
  return keysIn(document).filter(
    (key): key is JWK => isObject(key) && typeof key.kty === 'string' && !hasSecretMembers(key),
  );
}

/** Which of an issuer's keys its kids name. */
export function namedKeys(issuer: string, keys: readonly VerifyingKey[]): IssuerKey[] {
  return keys.flatMap(({ kid, thumbprint }) => (kid === undefined ? [] : [{ issuer, kid, thumbprint }]));
}

/** The same for keys in the issuer's record; others are named when they are fetched. */
export async function namedInRecord({ issuer, keySource }: NewIssuer): Promise<IssuerKey[]> {
  return keySource.kind === 'jwks' ? namedKeys(issuer, await readKeySet({ keys: keySource.keys })) : [];
}

function keysIn(document: unknown): unknown[] {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new KeySetRefused('it has no list of keys, as in {"keys":[…]}');
  if (keys.length > keysMax) throw new KeySetRefused(`it has over ${keysMax} keys`);
  return keys;
}

async function readKey(jwk: unknown): Promise<VerifyingKey | undefined> {
  if (typeof jwk !== 'object' || jwk === null || hasSecretMembers(jwk)) return undefined;
  const { kty, crv, kid, alg, use, key_ops: operations } = jwk as Record<string, unknown>;
  const mayVerify =
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')));
  const isNamed = kid === undefined || kid === '' || isId(kid);
  if (!mayVerify || !isNamed || typeof kty !== 'string' || !['RSA', 'EC', 'OKP'].includes(kty))
    return undefined;
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    if (kty === 'RSA' && !isFitRsaKey(key)) return undefined;
    if (isForAgreement(key)) return undefined;
    return {
      kid,
      // Of the key, not of how its set writes it: a zero in front would give a revoked key another name.
      thumbprint: await calculateJwkThumbprint(key.export({ format: 'jwk' })),
      kty,
      crv: typeof crv === 'string' ? crv : undefined,
      alg: typeof alg === 'string' ? alg : undefined,
      jwk: jwk as JWK,
      key,
    };
  } catch {
    return undefined;
  }
}

/** Keys of these curves agree on secrets; they sign nothing. */
function isForAgreement({ asymmetricKeyType }: KeyObject): boolean {
  return asymmetricKeyType === 'x25519' || asymmetricKeyType === 'x448';
}

/** Is it quick to verify with this key? A sender may have made one that takes long. */
export function isFitKey(key: KeyObject): boolean {
  if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss') return isFitRsaKey(key);
  return key.asymmetricKeyType !== 'dsa';
}

function isFitRsaKey({ asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  const isFit = publicExponent >= rsaExponents.min && publicExponent <= rsaExponents.max;
  return isFit && modulusLength >= rsaBitsMin && modulusLength <= rsaBitsMax;
}

const curves: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
  Ed25519: 'Ed25519',
};

/** Is this key made for this algorithm? */
export function suits(key: VerifyingKey, alg: string): boolean {
  if (key.alg !== undefined && key.alg !== alg && !(isEd25519(key.alg) && isEd25519(alg))) return false;
  if (/^[RP]S/.test(alg)) return key.kty === 'RSA';
  return key.kty === (isEd25519(alg) ? 'OKP' : 'EC') && curves[alg] === key.crv;
}

/** Is there an algorithm that it is made for? Not if its `alg` is for another type of key, or for what we do not know. */
export function suitsAny(key: VerifyingKey): boolean {
  return asymmetricAlgorithms.some((alg) => suits(key, alg));
}

/** RFC 9864 gave EdDSA with this curve a second name. */
function isEd25519(alg: string): boolean {
  return alg === 'EdDSA' || alg === 'Ed25519';
}

/** How answers and the command line name a key. */
export function keyToWire({ kid, thumbprint, kty, crv, alg }: VerifyingKey): Record<string, unknown> {
  return { kid, thumbprint, kty, crv, alg };
}
