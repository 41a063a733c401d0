// Claims for tests of the rules: those of an access token of u1, but for what a test changes. And digests and unsigned
// JWTs, as callers of the API send them.
import { randomUUID } from 'node:crypto';
import { type Claims, digestOf } from '../../src/domain/claims.ts';

export function claimsOf(fields: Partial<Claims> = {}): Claims {
  return {
    issuer: 'https://tokens.example',
    digest: digestOf('a token'),
    targetDigest: digestOf('a token'),
    tokenUse: 'access_token',
    clientId: 'c1',
    subject: 'u1',
    grantId: 'g1',
    sessionId: 's1',
    jti: null,
    keyThumbprint: null,
    issuedAt: 1000,
    expiresAt: 5000,
    notBefore: null,
    audience: [],
    members: {},
    ...fields,
  };
}

/** A token's digest as callers write it. */
export function wireDigestOf(token: string): string {
  return Buffer.from(digestOf(token), 'hex').toString('base64url');
}

/** How a token stands in the trail, and in answers. */
export function refOf(token: string): string {
  return digestOf(token).slice(0, 16);
}

/** A JWT of this issuer that nobody signed. */
export function unsignedJwt(iss: string): string {
  const parts = [
    { alg: 'ES256', typ: 'at+jwt' },
    { iss, jti: randomUUID() },
  ];
  const encoded = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return [...encoded, 'c2ln'].join('.');
}
