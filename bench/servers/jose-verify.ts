// What verifying a signature costs by itself: jose's `jwtVerify`, fifty at once, in a process that does
// nothing else. GET /FROM/COUNT verifies so many of the tokens in the file TOKENS.
import { readFileSync } from 'node:fs';
import { importJWK, type JWK, jwtVerify } from 'jose';
import type { JwtFile } from '../lib/jwts.ts';
import { listen } from '../lib/listen.ts';

const atOnce = 50;
const { issuer, audience, alg, jwk, tokens } = JSON.parse(
  readFileSync(process.env.TOKENS ?? '', 'utf8'),
) as JwtFile;
const key = await importJWK(jwk as JWK, alg);

async function verify(from: number, count: number): Promise<void> {
  if (from + count > tokens.length) throw new Error('there are no such tokens');
  let next = from;
  const work = async () => {
    while (next < from + count) {
      await jwtVerify(tokens[next++] as string, key, { issuer, audience, algorithms: [alg], typ: 'at+jwt' });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

listen((request, response) => {
  const [, from, count] = request.url?.split('/') ?? [];
  verify(Number(from), Number(count)).then(
    () => response.end('verified'),
    (error) => response.writeHead(500).end(String(error)),
  );
});
