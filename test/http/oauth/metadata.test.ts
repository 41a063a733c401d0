// /.well-known/oauth-authorization-server, /jwks and signed introspection answers.
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { prefers } from '../../../src/http/oauth/accept.ts';
import { rotateKeyFile } from '../../../src/jwt/signing-keys.ts';
import { api, publicUrl, type TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { sharedFolder } from '../../helpers/folders.ts';
import { newKey } from '../../helpers/issuer.ts';
import type { TestClient } from '../../helpers/requests.ts';

const path = '/.well-known/oauth-authorization-server';
const theirs = {
  response_types_supported: ['code'],
  token_endpoint: 'https://as.example/token',
  scopes_supported: [],
};
const signed = 'application/token-introspection+jwt';
const given = { AUTHORIZATION_SERVER_METADATA: JSON.stringify(theirs) };
const keysFile = join(sharedFolder(), 'signing-keys.json');

testEachDatabase(
  `GET ${path} adds our endpoints to what is given; the Host header changes nothing`,
  async (t, app) => {
    const { status, body, headers } = await app.get(path, undefined, { headers: { Host: 'evil.example' } });
    t.is(status, 200);
    t.is(headers['cache-control'], 'public, max-age=300');
    t.like(body, {
      issuer: publicUrl,
      token_endpoint: theirs.token_endpoint,
      revocation_endpoint: `${publicUrl}/revoke`,
      introspection_endpoint: `${publicUrl}/introspect`,
      jwks_uri: `${publicUrl}/jwks`,
      introspection_signing_alg_values_supported: ['RS256', 'ES256'],
    });
    t.false(JSON.stringify(body).includes('evil'));
    t.false('scopes_supported' in body, 'no empty arrays');
    t.false(body.revocation_endpoint_auth_methods_supported.includes('tls_client_auth'), 'it is off');
    t.false(body.introspection_endpoint_auth_methods_supported.includes('none'));
  },
  { ...given, SIGNING_KEYS_FILE: keysFile },
);

const aliases = {
  revocation_endpoint: 'https://mtls.as.example/revoke',
  introspection_endpoint: 'https://mtls.as.example/introspect',
};

for (const [others, left] of [
  [{ token_endpoint: 'https://mtls.as.example/token' }, { token_endpoint: 'https://mtls.as.example/token' }],
  [{}, undefined],
] as const) {
  testEachDatabase(
    `GET ${path} leaves out the server's own revocation and introspection, beside ${Object.keys(others).length} aliases`,
    async (t, app) => {
      const { body } = await app.get(path);
      t.deepEqual(body.mtls_endpoint_aliases, left);
      t.false(Object.keys(body).some((name) => name.startsWith('introspection_encryption')));
    },
    {
      AUTHORIZATION_SERVER_METADATA: JSON.stringify({
        ...theirs,
        mtls_endpoint_aliases: { ...aliases, ...others },
        introspection_encryption_alg_values_supported: ['RSA-OAEP'],
        introspection_encryption_enc_values_supported: ['A256GCM'],
      }),
    },
  );
}

testEachDatabase(`GET ${path} is 404 where nothing is known of the authorization server`, async (t, app) => {
  t.is((await app.get(path)).status, 404);
});

testEachDatabase(
  `GET ${path} of an issuer with a path is where RFC 8414 has it`,
  async (t, app) => {
    t.is((await app.get(path)).status, 404);
    // openapi.yaml has the form without a path; its schema is checked above.
    const response = await fetch(`${app.url}${path}/tenant/a`);
    t.is(response.status, 200);
    t.is(((await response.json()) as { issuer: string }).issuer, 'https://as.example/tenant/a');
  },
  { ...given, AUTHORIZATION_SERVER_ISSUER: 'https://as.example/tenant/a' },
);

async function startUpstream(t: ExecutionContext) {
  const [key, encryption] = [await newKey('ES256', 'theirs'), await newKey('ES256', 'theirs-enc')];
  const keys = [
    key.jwk,
    { ...encryption.jwk, alg: 'ECDH-ES', use: 'enc' },
    { kty: 'oct', kid: 'secret', k: 'c2VjcmV0' },
    { ...key.jwk, kid: 'private', d: 'c2VjcmV0' },
  ];
  const state = { issuer: 'https://as.example', isDown: false };
  const server = createServer((request, response) => {
    if (state.isDown) return void response.writeHead(500).end();
    const body =
      request.url === '/keys'
        ? { keys }
        : { ...theirs, issuer: state.issuer, jwks_uri: `${url()}/keys`, signed_metadata: 'x.y.z' };
    response.end(JSON.stringify(body));
  });
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  return { state, url: url() };
}

for (const kind of ['sqlite', 'postgres'] as const) {
  test(`GET ${path} and /jwks repeat what the authorization server says (${kind})`, async (t) => {
    const { migratedDatabase } = await import('../../helpers/databases.ts');
    const { TestApp: App } = await import('../../helpers/app.ts');
    const { state, url } = await startUpstream(t);
    const database = await migratedDatabase(kind);
    t.teardown(database.drop);
    const app: TestApp = await App.start(database, {
      AUTHORIZATION_SERVER_METADATA_URL: `${url}/metadata`,
      AUTHORIZATION_SERVER_ISSUER: 'https://as.example',
      SIGNING_KEYS_FILE: keysFile,
    });
    const { body } = await app.get(path);
    t.is(body.token_endpoint, theirs.token_endpoint);
    t.is(body.jwks_uri, `${publicUrl}/jwks`);
    t.false('signed_metadata' in body);
    const { keys } = (await app.get('/jwks')).body;
    const kids = keys.map(({ kid }: { kid: string }) => kid);
    t.deepEqual(kids.slice(-2), ['theirs', 'theirs-enc'], 'those that clients encrypt for, too');
    t.is(keys.length, 6);
    t.is(keys.at(-1).use, 'enc');
    state.isDown = true;
    app.advance(3600);
    t.is((await app.get(path)).status, 200, 'kept while it is down');
    app.advance(86_400);
    t.is((await app.get(path)).status, 503);
    state.isDown = false;
    state.issuer = 'https://other.example';
    app.advance(11);
    t.is((await app.get(path)).status, 503, 'of another issuer');
    t.deepEqual(await app.stop(), []);
  });
}

async function askSigned(app: TestApp, caller: TestClient, token: string) {
  const reply = await app.form('/introspect', { token }, caller, { headers: { Accept: signed } });
  const keys = createLocalJWKSet((await app.get('/jwks')).body);
  const { payload, protectedHeader } = await jwtVerify(reply.text, keys, {
    issuer: publicUrl,
    audience: caller.client_id,
    typ: 'token-introspection+jwt',
  });
  return {
    reply,
    payload,
    header: protectedHeader,
    answer: payload.token_introspection as Record<string, unknown>,
  };
}

testEachDatabase(
  'POST /introspect signs its answer for the caller, with audience and scope narrowed',
  async (t, app) => {
    const caller = await app.addClient({ permissions: ['introspect'], audiences: [api], scopes: ['read'] });
    const { client_id } = await app.addClient();
    const token = await app.register({
      client_id,
      aud: [api, 'https://other'],
      scope: 'read write',
      sub: 'u1',
    });
    const { reply, payload, header, answer } = await askSigned(app, caller, token);
    t.is(reply.headers['content-type'], signed);
    t.is(header.alg, 'RS256');
    t.false('sub' in payload || 'exp' in payload);
    t.like(answer, { active: true, scope: 'read', sub: 'u1' });
    t.deepEqual(answer.aud, [api]);
    t.deepEqual((await askSigned(app, caller, 'unknown')).answer, { active: false });
    const other = await app.addClient({ permissions: ['introspect:any'], introspectionAlgorithm: 'ES256' });
    t.is((await askSigned(app, other, token)).header.alg, 'ES256');
    const plain = await app.form('/introspect', { token }, caller);
    t.is(plain.headers['content-type'], 'application/json');
  },
  { SIGNING_KEYS_FILE: keysFile },
);

const brokenFile = join(sharedFolder(), 'signing-keys.json');
writeFileSync(brokenFile, '{}', { mode: 0o600 });

testEachDatabase(
  'while our own keys cannot be read, what needs them is 503, kept by no cache, and the log says what to do',
  async (t, app) => {
    const caller = await app.observer();
    const jwks = await app.get('/jwks');
    const signedAnswer = await app.form('/introspect', { token: 'x' }, caller, {
      headers: { Accept: signed },
    });
    for (const { status, headers } of [jwks, signedAnswer]) {
      t.is(status, 503);
      t.is(headers['cache-control'], 'no-store');
      t.is(headers['retry-after'], '1');
    }
    t.deepEqual((await app.form('/introspect', { token: 'x' }, caller)).body, { active: false });
    const problem = `${brokenFile} is not a file that \`keys create\` made`;
    t.true(app.log.some((line) => line.problem === problem));
    t.false(app.log.some(({ msg }) => String(msg).includes('unforeseen')));
  },
  { SIGNING_KEYS_FILE: brokenFile },
);

const rotatedFile = join(sharedFolder(), 'signing-keys.json');

test.serial('the next key is published before it is used, and the file is for its owner only', async (t) => {
  const { SigningKeys } = await import('../../../src/jwt/signing-keys.ts');
  const keys = new SigningKeys(rotatedFile, { mayCreate: true });
  const many = await Promise.all(
    Array.from({ length: 5 }, () => new SigningKeys(rotatedFile, { mayCreate: true }).published()),
  );
  const before = await keys.published();
  for (const one of many) t.deepEqual(one, before, 'made once');
  t.is(statSync(rotatedFile).mode & 0o777, 0o600);
  t.false(JSON.stringify(before).includes('"d"'));
  const old = await keys.current('ES256');
  await rotateKeyFile(rotatedFile);
  const fresh = new SigningKeys(rotatedFile, { mayCreate: false });
  const now = await fresh.current('ES256');
  t.not(now.kid, old.kid);
  t.true(
    before.some(({ kid }) => kid === now.kid),
    'known before',
  );
  t.true(
    (await fresh.published()).some(({ kid }) => kid === old.kid),
    'known after',
  );
  const roles = (await fresh.listed()).map(({ role, alg }) => `${role} ${alg}`);
  t.deepEqual(
    roles.toSorted(),
    ['current', 'next', 'previous'].flatMap((role) => [`${role} ES256`, `${role} RS256`]),
  );
  await t.throwsAsync(new SigningKeys(`${rotatedFile}.none`, { mayCreate: false }).published(), {
    message: /keys create/,
  });
  await t.throwsAsync(new SigningKeys('/etc/passwd', { mayCreate: false }).published(), {
    message: '/etc/passwd is not a file that `keys create` made',
  });
  chmodSync(rotatedFile, 0o644);
  await t.throwsAsync(new SigningKeys(rotatedFile, { mayCreate: false }).published(), {
    message: `${rotatedFile} can be read by others. Run: chmod 600 ${rotatedFile}`,
  });
});

test('Accept is read with its q-values', (t) => {
  for (const [accept, expected] of [
    [signed, true],
    [`${signed};q=0.5`, true],
    [`${signed.toUpperCase()} ; Q=1`, true],
    [`${signed}, */*`, true],
    [`${signed}, application/json;q=0.9`, true],
    [`${signed};q=0.5, application/json`, false],
    [`${signed};q=0`, false],
    [`${signed};q=x`, false],
    ['application/json', false],
    ['*/*', false],
    ['', false],
  ] as const)
    t.is(prefers(accept, signed), expected, accept);
});
