// Signed introspection answers (RFC 9701 §5): a statement of this server to one resource server, which can
// keep it as evidence. It has neither `sub` nor `exp`, so that nobody takes it for an access token.
import { SignJWT } from 'jose';
import type { Caller } from '../domain/records/clients.ts';
import type { SigningKeys } from './signing-keys.ts';

export async function signIntrospection(
  keys: SigningKeys,
  issuer: string,
  caller: Caller,
  answer: object,
  now: number,
): Promise<string> {
  const alg = caller.introspectionAlgorithm;
  // Always the same object, as jose caches what it makes of it.
  const key = await keys.current(alg);
  return new SignJWT({ token_introspection: answer })
    .setProtectedHeader({ typ: 'token-introspection+jwt', alg, kid: key.kid as string })
    .setIssuer(issuer)
    .setAudience(caller.clientId)
    .setIssuedAt(Math.floor(now / 1000))
    .sign(key);
}
