// One signature under one key. Header members that change what is signed or demand to be understood are refused, and so
// are nested JWTs: we understand none of them (RFC 7515 §4.1.11, RFC 7797). Keys named by the header itself (`jku`,
// `jwk`, `x5c`) are ignored: keys come from the issuer's record only.
//
// Uses `node:crypto`, not jose, which uses WebCrypto: measured side by side, that costs 40 to 70 µs more per
// signature. A test checks that both agree.
import { constants, type SigningOptions, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { compactVerify } from 'jose';
import type { asymmetricAlgorithms } from '../domain/records/issuers.ts';
import { plainType, type UntrustedJwt } from '../domain/tokens/jwt-shape.ts';
import { suits, type VerifyingKey } from './verifying-keys.ts';

const changingMembers = ['crit', 'b64', 'zip'] as const;

export function hasBadMembers(header: UntrustedJwt['header']): boolean {
  const { kid, cty } = header;
  const hasBadKid = kid !== undefined && typeof kid !== 'string';
  // RFC 7519 §7.2: what it signs is another JWT, and that one is to be judged.
  const isNested = typeof cty === 'string' && plainType(cty) === 'jwt';
  return hasBadKid || isNested || changingMembers.some((member) => member in header);
}

interface Scheme {
  /** Null where the algorithm hashes by itself. */
  readonly hash: string | null;
  readonly options: SigningOptions;
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
/** RFC 7518 §3.3. */
const pkcs1: SigningOptions = { padding: RSA_PKCS1_PADDING };
/** RFC 7518 §3.5: a salt as long as the hash. */
const pss: SigningOptions = { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST };
/** RFC 7518 §3.4: two numbers of fixed length, not ASN.1. */
const ecdsa: SigningOptions = { dsaEncoding: 'ieee-p1363' };
/** RFC 8037 §3.1. */
const ed25519: Scheme = { hash: null, options: {} };

const byAlgorithm: Readonly<Record<(typeof asymmetricAlgorithms)[number], Scheme>> = {
  RS256: { hash: 'sha256', options: pkcs1 },
  RS384: { hash: 'sha384', options: pkcs1 },
  RS512: { hash: 'sha512', options: pkcs1 },
  PS256: { hash: 'sha256', options: pss },
  PS384: { hash: 'sha384', options: pss },
  PS512: { hash: 'sha512', options: pss },
  ES256: { hash: 'sha256', options: ecdsa },
  ES384: { hash: 'sha384', options: ecdsa },
  ES512: { hash: 'sha512', options: ecdsa },
  EdDSA: ed25519,
  Ed25519: ed25519,
};
const schemes: ReadonlyMap<string, Scheme> = new Map(Object.entries(byAlgorithm));

const verifyInThread = promisify(verify);
const quickCurves: ReadonlySet<string | undefined> = new Set(['P-256', 'Ed25519']);
const quickBitsMax = 4096;

/**
 * Does verifying with this key take less than 0.1 ms? To have another thread do it costs up to 40 µs of CPU, and others wait longer for their
 * answers. P-384, P-521 and 8192 bits take up to 1.2 ms.
 */
function isQuick({ kty, crv, key }: VerifyingKey): boolean {
  if (kty !== 'RSA') return quickCurves.has(crv);
  const { modulusLength = Number.POSITIVE_INFINITY } = key.asymmetricKeyDetails ?? {};
  return modulusLength <= quickBitsMax;
}

export async function isSignedBy(jwt: string, key: VerifyingKey, alg: string): Promise<boolean> {
  const scheme = schemes.get(alg);
  if (!scheme || !suits(key, alg)) return false;
  // A length of 4n + 1 is not base64url (RFC 4648 §5).
  if (jwt.split('.').some(({ length }) => length % 4 === 1)) return false;
  const end = jwt.lastIndexOf('.');
  const signed = Buffer.from(jwt.slice(0, end), 'latin1');
  const bytes = Buffer.from(jwt.slice(end + 1), 'base64url');
  const how = { key: key.key, ...scheme.options };
  await endOfTurn();
  try {
    if (isQuick(key)) return verify(scheme.hash, signed, how, bytes);
    return await verifyInThread(scheme.hash, signed, how, bytes);
  } catch {
    return false;
  }
}

/** HS256, with a secret that we share. */
export async function isSignedWith(jwt: string, secret: Uint8Array): Promise<boolean> {
  try {
    await compactVerify(jwt, secret, { algorithms: ['HS256'] });
    return true;
  } catch {
    return false;
  }
}

let gathering: Promise<void> | undefined;

/**
 * A request that has several signatures checked lets others in between. And what is handed to other threads in one turn of
 * the event loop is handed over together, so that they are woken once.
 */
function endOfTurn(): Promise<void> {
  gathering ??= new Promise((resolve) =>
    setImmediate(() => {
      gathering = undefined;
      resolve();
    }),
  );
  return gathering;
}
