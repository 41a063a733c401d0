// JWTs of an issuer that the bench puts on record: one key, any number of distinct tokens.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { systemOrigin } from '../../src/domain/audit.ts';
import { type PublicJwk, usualClaimNames, usualTypes } from '../../src/domain/records/issuers.ts';
import { addIssuer, type NewIssuer } from '../../src/domain/records/manage-issuers.ts';
import { namedInRecord } from '../../src/jwt/verifying-keys.ts';
import { openStore } from '../../src/store/open.ts';
import { progress } from './progress.ts';

export type Algorithm = 'ES256' | 'RS256' | 'EdDSA';

/** What bench/servers/jose-verify.ts reads. */
export interface JwtFile {
  readonly issuer: string;
  readonly audience: string;
  readonly alg: string;
  readonly jwk: PublicJwk;
  readonly tokens: readonly string[];
}

const issuer = 'https://id.example.com';
const audience = 'https://api.example.com';

const makeKeys: Record<Algorithm, () => { privateKey: KeyObject; publicKey: KeyObject }> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export function makeJwts(alg: Algorithm, count: number): JwtFile {
  const { privateKey, publicKey } = makeKeys[alg]();
  const tokens = Array.from({ length: count }, (_, n) => {
    progress(`signing ${alg}`, n + 1, count);
    return signed(alg, privateKey, n);
  });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' };
  return { issuer, audience, alg, jwk, tokens };
}

function signed(alg: Algorithm, key: KeyObject, n: number): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg, kid: alg, typ: 'at+jwt' };
  const names = { sub: `user-${n}`, client_id: 'bench-app', jti: `jwt-${n}`, sid: `sid-${n}` };
  const claims = {
    iss: issuer,
    aud: audience,
    ...names,
    scope: 'profile orders',
    iat: now,
    exp: now + 86_400,
  };
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const digest = alg === 'EdDSA' ? null : 'sha256';
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

export async function putOnRecord(databaseUrl: string, jwts: JwtFile): Promise<void> {
  const store = openStore(databaseUrl);
  const record: NewIssuer = {
    issuer: jwts.issuer,
    keySource: { kind: 'jwks', keys: [jwts.jwk] },
    algorithms: [jwts.alg],
    types: usualTypes,
    audiences: [jwts.audience],
    claims: usualClaimNames,
    defaultClient: null,
    defaultAudience: null,
    refreshMarker: null,
    reusesIds: false,
    scopePermissions: {},
    reach: 'own',
    inbox: null,
  };
  await addIssuer(store, systemOrigin, record, await namedInRecord(record));
  await store.close();
}
