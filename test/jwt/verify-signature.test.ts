import { createSign, KeyObject } from 'node:crypto';
import test from 'ava';
import { CompactSign, compactVerify, importJWK } from 'jose';
import { asymmetricAlgorithms } from '../../src/domain/records/issuers.ts';
import { isSignedBy } from '../../src/jwt/verify-signature.ts';
import { readKeySet, type VerifyingKey } from '../../src/jwt/verifying-keys.ts';
import { newKey, type SigningKey } from '../helpers/issuer.ts';

const payload = new TextEncoder().encode('{"iss":"https://id.example","sub":"user-1"}');

function sign({ alg, privateKey }: SigningKey): Promise<string> {
  return new CompactSign(payload).setProtectedHeader({ alg, typ: 'at+jwt' }).sign(privateKey);
}

async function publicKeyOf({ jwk }: SigningKey): Promise<VerifyingKey> {
  const [key] = await readKeySet({ keys: [{ ...jwk, alg: undefined }] });
  return key as VerifyingKey;
}

async function joseSays(jwt: string, { alg, jwk }: SigningKey): Promise<boolean> {
  try {
    await compactVerify(jwt, await importJWK(jwk, alg), { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

/** The same JWT with its signature's bytes replaced. */
function withSignature(jwt: string, change: (signature: Buffer) => Uint8Array): string {
  const end = jwt.lastIndexOf('.') + 1;
  const changed = change(Buffer.from(jwt.slice(end), 'base64url'));
  return jwt.slice(0, end) + Buffer.from(changed).toString('base64url');
}

/** Two numbers as ASN.1, which JWS does not allow: a signature of the same content that must not count. */
function toDer(signature: Buffer): Buffer {
  const half = signature.length / 2;
  const numbers = [signature.subarray(0, half), signature.subarray(half)].map((number) => {
    const bytes = Buffer.concat([Buffer.of(0), number]);
    return Buffer.concat([Buffer.of(2, bytes.length), bytes]);
  });
  const body = Buffer.concat(numbers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** The same signature over another text: what a key holder could make whose encoder is wrong. */
async function withDanglingPayload(key: SigningKey): Promise<string> {
  const { alg, privateKey } = key;
  const input = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30AA`;
  const signature = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    privateKey,
    Buffer.from(input),
  );
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

const changes: Record<string, (jwt: string) => string> = {
  'no signature': (jwt) => withSignature(jwt, () => Buffer.alloc(0)),
  'one bit of the signature': (jwt) =>
    withSignature(jwt, (bytes) => {
      bytes[3] = (bytes[3] as number) ^ 1;
      return bytes;
    }),
  'a byte less': (jwt) => withSignature(jwt, (bytes) => bytes.subarray(0, -1)),
  'a byte more': (jwt) => withSignature(jwt, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
  'only zeros': (jwt) => withSignature(jwt, (bytes) => Buffer.alloc(bytes.length)),
  'half of it': (jwt) => withSignature(jwt, (bytes) => bytes.subarray(0, bytes.length / 2)),
  'as ASN.1': (jwt) => withSignature(jwt, toDer),
  'other claims': (jwt) =>
    jwt.replace(/\.[^.]+\./, `.${Buffer.from('{"sub":"user-2"}').toString('base64url')}.`),
  'another header': (jwt) => jwt.replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString('base64url')),
};

for (const alg of asymmetricAlgorithms) {
  test(`${alg}: a signature holds only as it was made, and under its own key`, async (t) => {
    const [key, other] = await Promise.all([newKey(alg), newKey(alg)]);
    const jwt = await sign(key);
    t.true(await isSignedBy(jwt, await publicKeyOf(key), alg));
    t.false(await isSignedBy(jwt, await publicKeyOf(other), alg));
    for (const [what, change] of Object.entries(changes)) {
      const changed = change(jwt);
      t.not(changed, jwt, what);
      t.false(await isSignedBy(changed, await publicKeyOf(key), alg), what);
    }
  });

  test(`${alg}: we and jose say the same`, async (t) => {
    const key = await newKey(alg);
    const jwt = await sign(key);
    const lastBits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spellings = [...lastBits].map((character) => jwt.slice(0, -1) + character);
    const endings = ['A', 'AA', 'AAA', 'AAAA'].flatMap((more) => [jwt + more, jwt.slice(0, -more.length)]);
    for (const spelling of [jwt, ...spellings, ...endings])
      t.is(await isSignedBy(spelling, await publicKeyOf(key), alg), await joseSays(spelling, key), spelling);
  });
}

test('no part of a JWT has a character more than whole bytes take', async (t) => {
  const key = await newKey('ES256');
  const jwt = await withDanglingPayload(key);
  t.false(await joseSays(jwt, key));
  t.false(await isSignedBy(jwt, await publicKeyOf(key), 'ES256'));
});

test('a signature of one algorithm is none of another one', async (t) => {
  const key = await newKey('RS256');
  const jwt = await sign(key);
  for (const alg of asymmetricAlgorithms)
    t.is(await isSignedBy(jwt, await publicKeyOf(key), alg), alg === 'RS256', alg);
});

test('an RSA key that names a curve verifies no algorithm of that curve', async (t) => {
  const key = await newKey('RS256');
  for (const [alg, crv] of Object.entries({ ES256: 'P-256', ES512: 'P-521', EdDSA: 'Ed25519' })) {
    const [read] = await readKeySet({ keys: [{ ...key.jwk, alg: undefined, crv }] });
    const hash = { ES256: 'sha256', ES512: 'sha512', EdDSA: 'sha512' }[alg] as string;
    const signed = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30`;
    const signature = createSign(hash).update(signed).sign(KeyObject.from(key.privateKey), 'base64url');
    t.false(await isSignedBy(`${signed}.${signature}`, read as VerifyingKey, alg), alg);
  }
});

test('keys that take long to verify with, and weak ones, are passed over', async (t) => {
  const { n } = (await newKey('RS256')).jwk;
  const ready = await readKeySet({
    keys: [
      { kty: 'RSA', n, e: n, kid: 'long exponent' },
      { kty: 'RSA', n, e: 'AQ', kid: 'exponent 1' },
      { kty: 'RSA', n: n?.slice(0, 170), e: 'AQAB', kid: 'short modulus' },
      { kty: 'RSA', n, e: 'AQAB', kid: 'usual' },
    ],
  });
  t.deepEqual(
    ready.map(({ kid }) => kid),
    ['usual'],
  );
});

test('what is no algorithm of ours verifies nothing', async (t) => {
  const key = await newKey('RS256');
  const jwt = await sign(key);
  for (const alg of ['none', 'HS256', 'rs256', 'constructor', ''])
    t.false(await isSignedBy(jwt, await publicKeyOf(key), alg), alg);
});
