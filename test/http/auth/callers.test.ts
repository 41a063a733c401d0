// How callers prove who they are beside a shared secret: signed assertions, certificates, bearer tokens.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import type { NewClient } from '../../../src/domain/manage-clients.ts';
import { publicUrl, type Reply, type TestApp } from '../../helpers/app.ts';
import * as certificates from '../../helpers/certificates.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, type SigningKey, TestIssuer } from '../../helpers/issuer.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
let ids = 0;

async function assertion(
  app: TestApp,
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  ids += 1;
  const { seconds } = app;
  const payload = { aud: publicUrl, exp: seconds + 60, iat: seconds, jti: `jti-${ids}`, ...claims };
  const jwt = new SignJWT(JSON.parse(JSON.stringify(payload)));
  return app.secret(await jwt.setProtectedHeader({ alg: key.alg, ...header }).sign(key.privateKey));
}

async function keyClient(app: TestApp, fields: Partial<NewClient> = {}) {
  const key = await newKey('ES256');
  const keys = { kind: 'jwks', keys: [key.jwk as Record<string, unknown>] } as const;
  const client = await app.addClient({ authMethod: 'private_key_jwt', keys, ...fields });
  return { key, id: client.client_id };
}

function introspectWith(app: TestApp, jwt: string, extra: Record<string, string> = {}): Promise<Reply> {
  const fields = { token: 'unknown', client_assertion: jwt, client_assertion_type: assertionType, ...extra };
  return app.form('/introspect', fields);
}

testEachDatabase('private_key_jwt: a right assertion counts, and counts once', async (t, app) => {
  const { key, id } = await keyClient(app, { permissions: ['introspect'] });
  const jwt = await assertion(app, key, { iss: id, sub: id });
  const replies = await Promise.all(Array.from({ length: 10 }, () => introspectWith(app, jwt)));
  t.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array.from({ length: 9 }, () => 401)]);
  const other = await app.another();
  t.is((await introspectWith(other, jwt)).status, 401, 'in another process');
  const audience = await assertion(app, key, { iss: id, sub: id, aud: [publicUrl] });
  t.is((await introspectWith(app, audience, { client_id: id })).status, 200);
  const typed = await assertion(app, key, { iss: id, sub: id }, { typ: 'client-authentication+jwt' });
  t.is((await introspectWith(app, typed)).status, 200);
});

testEachDatabase(
  'private_key_jwt: what is wrong with an assertion is not told, counted and throttled',
  async (t, app) => {
    const { key, id } = await keyClient(app, { permissions: ['introspect'] });
    const stranger = await newKey('ES256');
    const plain = await app.addClient({ permissions: ['introspect'] });
    const by = { iss: id, sub: id };
    const { seconds } = app;
    const bad: [string, Promise<string>][] = [
      ['another key', assertion(app, stranger, by)],
      ['no jti', assertion(app, key, { ...by, jti: undefined })],
      ['jti that is no string', assertion(app, key, { ...by, jti: 5 })],
      ['no exp', assertion(app, key, { ...by, exp: undefined })],
      ['exp as string', assertion(app, key, { ...by, exp: String(seconds + 60) })],
      ['expired', assertion(app, key, { ...by, exp: seconds })],
      ['exp beyond 10 minutes', assertion(app, key, { ...by, exp: seconds + 601 })],
      ['nbf ahead', assertion(app, key, { ...by, nbf: seconds + 120 })],
      ['iat ahead', assertion(app, key, { ...by, iat: seconds + 120 })],
      ['no iss', assertion(app, key, { sub: id })],
      ['another iss', assertion(app, key, { ...by, iss: 'x' })],
      ['no aud', assertion(app, key, { ...by, aud: undefined })],
      ['aud of the endpoint', assertion(app, key, { ...by, aud: `${publicUrl}/introspect` })],
      ['aud of several', assertion(app, key, { ...by, aud: [publicUrl, 'https://x.example'] })],
      ['empty aud', assertion(app, key, { ...by, aud: [] })],
      ['typ of something else', assertion(app, key, by, { typ: 'at+jwt' })],
      ['crit', assertion(app, key, by, { crit: ['exp'], exp: 5 }).catch(() => 'e30.e30.AA')],
      ['client of another method', assertion(app, key, { iss: plain.client_id, sub: plain.client_id })],
      ['unknown client', assertion(app, key, { iss: 'nobody', sub: 'nobody' })],
      ['client with NUL', assertion(app, key, { iss: 'a\0b', sub: 'a\0b' })],
      ['no JWT', Promise.resolve('garbage')],
    ];
    const texts = new Set<string>();
    for (const [what, jwt] of bad) {
      const { status, text } = await introspectWith(app, await jwt);
      t.is(status, 401, what);
      texts.add(text);
    }
    t.is(texts.size, 1, 'all are answered alike');
    t.true((await app.events('client_auth_failed')).length >= 10);
    const wrong = await assertion(app, key, by);
    t.is((await introspectWith(app, wrong, { client_assertion_type: 'x' })).status, 400);
    t.is((await introspectWith(app, wrong, { client_secret: 'x'.repeat(32) })).status, 400);
    t.is((await introspectWith(app, wrong, { client_id: 'another' })).status, 400);
    const fields = { token: 'x', client_assertion: wrong, client_assertion_type: assertionType };
    t.is((await app.form('/introspect', fields, plain)).body.error, 'invalid_request', 'beside Basic');
    t.is((await introspectWith(app, wrong)).status, 200, 'none of these used it up');
    const statuses = [];
    for (let n = 0; n < 40; n += 1)
      statuses.push((await introspectWith(app, await assertion(app, stranger, by))).status);
    t.true(statuses.includes(429));
    t.is((await introspectWith(app, await assertion(app, key, by))).status, 200, 'a right one never is');
  },
);

testEachDatabase(
  'private_key_jwt: AUTHORIZATION_SERVER_ISSUER, and audiences that older clients name',
  async (t, app) => {
    const { key, id } = await keyClient(app, { permissions: ['introspect'] });
    const by = { iss: id, sub: id };
    for (const [aud, status] of [
      ['https://as.example', 200],
      [publicUrl, 200],
      ['https://as.example/token', 200],
      [['https://as.example', 'https://as.example/token'], 200],
      [['https://as.example', 'https://elsewhere.example'], 401],
    ] as const) {
      t.is(
        (await introspectWith(app, await assertion(app, key, { ...by, aud }))).status,
        status,
        String(aud),
      );
    }
  },
  { AUTHORIZATION_SERVER_ISSUER: 'https://as.example', ASSERTION_AUDIENCES: 'https://as.example/token' },
);

testEachDatabase(
  'private_key_jwt: keys by jwks_uri, rotated without a restart, 503 in an outage',
  async (t, app) => {
    const publisher = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => publisher.stop());
    const keys = { kind: 'jwks_uri', uri: `${publisher.name}/jwks` } as const;
    const { client_id: id } = await app.addClient({
      authMethod: 'private_key_jwt',
      keys,
      permissions: ['introspect'],
    });
    const by = { iss: id, sub: id };
    const sign = (kid: string) => assertion(app, publisher.key, by, { kid });
    t.is((await introspectWith(app, await sign('k1'))).status, 200);
    app.advance(31);
    await publisher.rotate('k2');
    t.is((await introspectWith(app, await sign('k2'))).status, 200);
    app.advance(31);
    publisher.answer = 'error';
    t.is((await introspectWith(app, await sign('k9'))).status, 503);
  },
);

testEachDatabase('a client of private_key_jwt calls /revoke and /logout with it', async (t, app) => {
  const { key, id } = await keyClient(app, { permissions: ['revoke:any'] });
  const by = { iss: id, sub: id };
  const token = await app.register({ client_id: id });
  const members = async () => ({
    client_assertion: await assertion(app, key, by),
    client_assertion_type: assertionType,
  });
  t.is((await app.form('/revoke', { token, ...(await members()) })).body.status, 'revoked');
  const reply = await app.json('/logout', { user_id: 'u1', ...(await members()) });
  t.is(reply.body.data.status, 'logged_out');
});

const header = (...pems: string[]) =>
  pems.map((pem) => `:${new X509Certificate(pem).raw.toString('base64')}:`).join(', ');

const folder = mkdtempSync(join(tmpdir(), 'revocation-ca-'));
const authorityFile = join(folder, 'ca.pem');
writeFileSync(authorityFile, certificates.root);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const behindProxy = { CLIENT_CERT_PROXIES: '127.0.0.1/32,::1', TLS_CLIENT_CA_FILE: authorityFile };

/** The same certificate with a kind of key that nobody knows; its signature no longer holds, but that is seen later. */
function withUnknownKey(pem: string): string {
  const der = new X509Certificate(pem).raw;
  const kinds = ['2a864886f70d010101', '2a8648ce3d0201'].map((oid) => Buffer.from(oid, 'hex'));
  for (const oid of kinds) {
    const at = der.indexOf(oid);
    if (at >= 0) der[at + oid.length - 1] = 0x63;
  }
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
}

async function withCertificate(
  app: TestApp,
  id: string,
  pem: string,
  ...chain: readonly string[]
): Promise<number> {
  const headers = {
    'Client-Cert': header(pem),
    ...(chain.length === 0 ? {} : { 'Client-Cert-Chain': header(...chain) }),
  };
  const { status } = await app.form('/introspect', { token: 'x', client_id: id }, undefined, { headers });
  return status;
}

testEachDatabase(
  'tls_client_auth: a certificate of a configured authority, by subject or alternative name',
  async (t, app) => {
    const names = [
      { kind: 'subject_dn', value: 'CN=client one,O=Acme\\, Inc.,C=DE' },
      { kind: 'subject_dn', value: 'cn=client one, o=Acme\\2c Inc., c=DE' },
      { kind: 'san_dns', value: 'CLIENT.example' },
      { kind: 'san_uri', value: 'spiffe://example/client' },
      { kind: 'san_ip', value: '192.0.2.9' },
      { kind: 'san_email', value: 'ops@example.com' },
    ] as const;
    for (const certificateName of names) {
      const { client_id: id } = await app.addClient({
        authMethod: 'tls_client_auth',
        certificateName,
        permissions: ['introspect'],
      });
      const { client, intermediate } = certificates;
      t.is(await withCertificate(app, id, client, intermediate), 200, certificateName.value);
    }
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: names[0],
      permissions: ['introspect'],
    });
    const { client, intermediate, impostor, server, chained, other } = {
      other: certificates.root,
      ...certificates,
    };
    t.is(await withCertificate(app, id, client), 401, 'without its chain');
    t.is(await withCertificate(app, id, impostor), 401, 'of an authority of the same name');
    t.is(await withCertificate(app, id, impostor, other), 401);
    t.is(await withCertificate(app, id, client, withUnknownKey(intermediate)), 401, 'a key of no known kind');
    t.is(await withCertificate(app, id, server), 401, 'for servers only');
    t.is(await withCertificate(app, id, chained, client), 401, 'issued by what is no authority');
    t.is(await withCertificate(app, id, intermediate), 401, 'another subject');
    t.is(await withCertificate(app, id, certificates.noSubject), 401, 'no subject');
    const bare = await app.form('/introspect', { token: 'x', client_id: id });
    t.is(bare.status, 401, 'no certificate');
    for (const broken of ['', ':', ':!!:', ':AAAA:', 'AAAA', `:${'A'.repeat(4000)}:`]) {
      const headers = { 'Client-Cert': broken };
      const reply = await app.form('/introspect', { token: 'x', client_id: id }, undefined, { headers });
      t.is(reply.status, 401, broken);
    }
    const dn = { kind: 'subject_dn', value: 'CN=client one,C=DE' } as const;
    const fewer = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: dn,
      permissions: ['introspect'],
    });
    t.is(
      await withCertificate(app, fewer.client_id, client, intermediate),
      401,
      'a subject with fewer names',
    );
    app.clock.now = Date.UTC(2130, 0);
    t.is(await withCertificate(app, id, client, intermediate), 401, 'expired');
  },
  behindProxy,
);

testEachDatabase(
  'tls_client_auth: each certificate of a chain is looked at once, however many vouch for each other',
  async (t, app) => {
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName: { kind: 'subject_dn', value: 'CN=self' },
      permissions: ['introspect'],
    });
    // One way after the other through these would take hours.
    const ring = Array.from({ length: 10 }, () => certificates.selfSigned);
    t.is(await withCertificate(app, id, certificates.selfSigned, ...ring), 401);
  },
  behindProxy,
);

testEachDatabase(
  'self_signed_tls_client_auth: the key that the client registered',
  async (t, app) => {
    const keyOf = (pem: string) =>
      new X509Certificate(pem).publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
    const add = (jwk: Record<string, unknown>) =>
      app.addClient({
        authMethod: 'self_signed_tls_client_auth',
        keys: { kind: 'jwks', keys: [jwk] },
        permissions: ['introspect'],
      });
    const { client_id: id } = await add(keyOf(certificates.selfSigned));
    t.is(await withCertificate(app, id, certificates.selfSigned), 200);
    t.is(await withCertificate(app, id, certificates.client), 401);
    t.is(await withCertificate(app, id, certificates.unusualCurve), 401, 'a key that is no JWK');
    const other = new X509Certificate(certificates.client).raw.toString('base64');
    const pinned = await add({ ...keyOf(certificates.selfSigned), x5c: [other] });
    t.is(await withCertificate(app, pinned.client_id, certificates.selfSigned), 401, 'x5c is of another');
  },
  behindProxy,
);

testEachDatabase('Client-Cert from a peer that is not configured is ignored', async (t, app) => {
  const certificateName = { kind: 'san_dns', value: 'client.example' } as const;
  const { client_id: id } = await app.addClient({
    authMethod: 'tls_client_auth',
    certificateName,
    permissions: ['introspect'],
  });
  t.is(await withCertificate(app, id, certificates.client, certificates.intermediate), 401);
});

testEachDatabase(
  'without TLS_CLIENT_CA_FILE tls_client_auth is off',
  async (t, app) => {
    const certificateName = { kind: 'san_dns', value: 'client.example' } as const;
    const { client_id: id } = await app.addClient({
      authMethod: 'tls_client_auth',
      certificateName,
      permissions: ['introspect'],
    });
    t.is(await withCertificate(app, id, certificates.client, certificates.intermediate), 401);
  },
  { CLIENT_CERT_PROXIES: '127.0.0.1' },
);

const scopes = {
  scope_permissions: { inspect: ['introspect:any'], audit: ['audit'], reg: ['register'], adm: ['admin'] },
};

testEachDatabase(
  'a bearer of a trusted issuer calls with what its scopes permit, within its issuer',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, scopes);
    const other = await TestIssuer.inline(app, { issuer: 'https://other.example' });
    const login = async (scope: string, claims: Record<string, unknown> = {}) =>
      `Bearer ${await issuer.sign({ sub: 'operator', aud: publicUrl, scope, ...claims })}`;
    const [mine, foreign, registered] = [
      await issuer.sign(),
      await other.sign(),
      await app.register({ client_id: 'c' }),
    ];
    const auth = await login('inspect openid');
    const ask = async (token: string) => (await app.form('/introspect', { token }, auth)).body.active;
    t.deepEqual([await ask(mine), await ask(foreign), await ask(registered)], [true, false, false]);
    const refused = await app.form('/introspect', { token: mine }, await login('openid'));
    t.is(refused.status, 403);
    t.regex(refused.headers['www-authenticate'] ?? '', /^Bearer .*insufficient_scope/);
    const token = app.newToken();
    const registration = app.registration({ token, client_id: 'c', iss: issuer.name });
    t.is((await app.json('/v1/tokens', registration, await login('reg'))).status, 201);
    const elsewhere = app.registration({ token: app.newToken(), client_id: 'c' });
    t.is((await app.json('/v1/tokens', elsewhere, await login('reg'))).body.code, 'issuer_not_allowed');
    for (const [path, scope] of [
      ['/v1/audit/events', 'audit'],
      ['/v1/clients', 'adm'],
      ['/v1/issuers', 'adm'],
    ] as const) {
      const reply = await app.get(path, await login(scope));
      t.is(reply.body.code, 'insufficient_permission', `${path} concerns all issuers`);
    }
  },
);

testEachDatabase(
  'a bearer reads the revocations and sessions of its own issuer, and of no other',
  async (t, app) => {
    const members = { ...scopes, scope_permissions: { audit: ['audit'] } };
    const issuer = await TestIssuer.inline(app, members);
    const auth = `Bearer ${await issuer.sign({ sub: 'auditor', aud: publicUrl, scope: 'audit' })}`;
    const operator = await app.addClient({ permissions: ['revoke:any', 'audit'] });
    for (const name of [issuer.name, publicUrl]) {
      const target = { kind: 'session', issuer: name, session_id: 's1' };
      t.is((await app.json('/v1/revocations', { target, reason: 'admin' }, operator)).status, 201);
      const registrar = await app.addClient({ permissions: ['register'], issuers: [name] });
      const login = { token: app.newToken(), client_id: 'c', iss: name, sub: 'u1', session_id: `at ${name}` };
      t.is((await app.json('/v1/tokens', app.registration(login), registrar)).status, 201);
    }
    const issuersOf = async (path: string): Promise<string[]> => {
      const { status, body } = await app.get(path, auth);
      t.is(status, 200, path);
      return body.items.map(
        (item: { issuer?: string; target?: { issuer: string } }) => item.issuer ?? item.target?.issuer,
      );
    };
    const own = encodeURIComponent(issuer.name);
    for (const query of ['', '?kind=session&id=s1', `?kind=session&id=s1&issuer=${own}`])
      t.deepEqual(await issuersOf(`/v1/revocations${query}`), [issuer.name], query);
    t.deepEqual(await issuersOf('/v1/sessions?user_id=u1'), [issuer.name]);
    const { items } = (await app.get('/v1/revocations', operator)).body;
    const shown = items.map(async ({ seq, target }: { seq: number; target: { issuer: string } }) => [
      target.issuer,
      (await app.get(`/v1/revocations/${seq}`, auth)).status,
    ]);
    t.deepEqual(
      new Map(await Promise.all(shown)),
      new Map([
        [publicUrl, 404],
        [issuer.name, 200],
      ]),
    );
    const others = `issuer=${encodeURIComponent(publicUrl)}`;
    for (const path of [`/v1/revocations?${others}`, `/v1/sessions?user_id=u1&${others}`]) {
      const refused = await app.get(path, auth);
      t.is(refused.status, 403, path);
      t.is(refused.body.code, 'issuer_not_allowed');
    }
  },
);

testEachDatabase(
  'a bearer reaches everything where the record says so, and is named in the trail',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, {
      ...scopes,
      reach: 'all',
      audiences: ['https://api.example'],
    });
    const auth = `Bearer ${await issuer.sign({ sub: 'boss', aud: publicUrl, scope: 'adm audit' })}`;
    t.is((await app.get('/v1/audit/events', auth)).status, 200);
    t.is((await app.json('/v1/clients', { client_id: 'new' }, auth)).status, 201);
    const [created] = (await app.events('client_created')).slice(-1);
    t.deepEqual(created?.actor, { kind: 'user', id: 'boss' });
  },
);

testEachDatabase('a bearer introspects what names its own client, within its issuer', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { scope_permissions: { inspect: ['introspect'] } });
  const bearer = await issuer.sign({ aud: publicUrl, scope: 'inspect', client_id: 'api-1' });
  const headers = { authorization: `Bearer ${bearer}` };
  const sees = async (token: string) =>
    (await app.form('/introspect', { token }, undefined, { headers })).body.active;
  t.true(await sees(await issuer.sign({ client_id: 'web', aud: 'api-1' })));
  t.true(await sees(await issuer.sign({ client_id: 'api-1', aud: 'other' })));
  t.false(await sees(await issuer.sign({ client_id: 'web', aud: 'other' })));
  t.false(await sees(await app.register({ client_id: 'api-1', aud: 'api-1' })), 'the same name elsewhere');
});

testEachDatabase('a registration gives a bearer neither permissions nor a name', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { ...scopes, reach: 'all' });
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const token = await issuer.sign({ sub: undefined, client_id: 'robot', aud: publicUrl });
  const members = { token, client_id: 'robot', iss: issuer.name, sub: 'boss', scope: 'adm audit' };
  t.is((await app.json('/v1/tokens', app.registration(members), registrar)).status, 201);
  t.is((await app.get('/v1/audit/events', `Bearer ${token}`)).status, 403);
  const scoped = await issuer.sign({ sub: undefined, client_id: 'robot', aud: publicUrl, scope: 'adm' });
  await app.json('/v1/tokens', app.registration({ ...members, token: scoped }), registrar);
  t.is((await app.json('/v1/clients', { client_id: 'new' }, `Bearer ${scoped}`)).status, 201);
  t.deepEqual((await app.events('client_created')).at(-1)?.actor, { kind: 'user', id: 'robot' });
});

testEachDatabase('bearer tokens that give no access', async (t, app) => {
  const issuer = await TestIssuer.inline(app, scopes);
  const client = await app.addClient();
  const good = { sub: 'operator', aud: publicUrl, scope: 'inspect', client_id: client.client_id };
  const revoked = await issuer.sign({ ...good, n: 1 });
  await app.form('/revoke', { token: revoked }, client);
  const untrusted = await newKey('ES256', 'k1');
  const opaque = await app.register({ client_id: client.client_id, aud: publicUrl });
  const bad: [string, string][] = [
    ['for another audience', await issuer.sign({ ...good, aud: 'https://api.example' })],
    ['without audience', await issuer.sign({ ...good, aud: undefined })],
    ['expired', await issuer.sign({ ...good, iat: app.seconds - 60, exp: app.seconds })],
    ['revoked', revoked],
    ['forged', await issuer.signAs(good, {}, untrusted)],
    ['refresh token', await issuer.sign({ ...good, token_use: 'refresh' })],
    ['ID token', await issuer.sign({ ...good, nonce: 'n' })],
    ['bound to a key', await issuer.sign({ ...good, cnf: { jkt: 'x' } })],
    ['bound to a certificate', await issuer.sign({ ...good, cnf: { 'x5t#S256': 'x' } })],
    ['bound to who knows what', await issuer.sign({ ...good, cnf: 'x' })],
    ['opaque', opaque],
    ['garbage', 'garbage'],
  ];
  for (const [what, token] of bad) {
    const reply = await app.form('/introspect', { token: 'x' }, `Bearer ${token}`);
    t.is(reply.status, 401, what);
    t.regex(reply.headers['www-authenticate'] ?? '', /^Bearer .*invalid_token/, what);
  }
  t.true((await app.events('client_auth_failed')).length >= 10);
  const token = await issuer.sign(good);
  t.is((await app.form('/introspect', { token: 'x' }, `Bearer ${token}`)).status, 200);
  t.is((await app.form('/revoke', { token: 'x' }, `Bearer ${token}`)).status, 401, 'at /revoke');
});

testEachDatabase(
  'a bearer token bound to a certificate counts with it',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, scopes);
    const { raw } = new X509Certificate(certificates.selfSigned);
    const { createHash } = await import('node:crypto');
    const thumbprint = createHash('sha256').update(raw).digest('base64url');
    const cnf = { 'x5t#S256': thumbprint };
    const auth = `Bearer ${await issuer.sign({ aud: publicUrl, scope: 'inspect', cnf })}`;
    const ask = async (pem: string) =>
      (await app.form('/introspect', { token: 'x' }, auth, { headers: { 'Client-Cert': header(pem) } }))
        .status;
    t.is(await ask(certificates.selfSigned), 200);
    t.is(await ask(certificates.client), 401);
  },
  behindProxy,
);

testEachDatabase(
  'tokens of JWT_SECRET never carry permissions',
  async (t, app) => {
    const jwt = new SignJWT({
      id: 1,
      aud: publicUrl,
      scope: 'inspect',
      iat: app.seconds,
      exp: app.seconds + 60,
    });
    const token = app.secret(
      await jwt.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU')),
    );
    t.true(await app.isActive(token));
    t.is((await app.get('/v1/audit/events', `Bearer ${token}`)).body.code, 'invalid_token');
  },
  { JWT_SECRET: 'q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU' },
);
