// The authorization server's metadata and keys, as far as they are repeated.
import test from 'ava';
import { pino } from 'pino';
import { KeysUnavailable } from '../../src/domain/tokens/token-verifier.ts';
import { Upstream } from '../../src/jwt/upstream.ts';

const issuer = 'https://as.example';

test('keys that metadata of https names by http are not fetched', async (t) => {
  const fetched: string[] = [];
  const metadata = { issuer, response_types_supported: ['code'], jwks_uri: 'http://as.example/keys' };
  const upstream = new Upstream({
    given: null,
    url: `${issuer}/metadata`,
    issuer,
    fetchJson: async (url) => {
      fetched.push(url);
      return metadata;
    },
    now: Date.now,
    log: pino({ level: 'silent' }),
  });
  await t.throwsAsync(upstream.keys(), { instanceOf: KeysUnavailable });
  t.deepEqual(fetched, [`${issuer}/metadata`]);
});
