// Claims for tests of the rules: those of an access token of u1, with whatever differs.
import { type Claims, digestOf } from '../../src/domain/claims.ts';

export function claimsOf(fields: Partial<Claims> = {}): Claims {
  return {
    issuer: 'https://tokens.example',
    digest: digestOf('a token'),
    tokenDigest: digestOf('a token'),
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
