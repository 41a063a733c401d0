// Clients that authenticate by signed assertions (private_key_jwt, RFC 7523).
import { SignJWT } from 'jose';
import type { NewClient } from '../../../src/domain/records/manage-clients.ts';
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, type SigningKey, TestIssuer } from '../../helpers/issuer.ts';
import type { Reply } from '../../helpers/requests.ts';

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
  'private_key_jwt: an assertion lasts ten minutes and has a jti of 255 characters at most',
  async (t, app) => {
    const { key, id } = await keyClient(app, { permissions: ['introspect'] });
    const by = { iss: id, sub: id };
    app.clock.now = (app.seconds + 1) * 1000;
    const { seconds } = app;
    for (const [claims, status] of [
      [{ exp: seconds + 600 }, 200],
      [{ exp: seconds + 601 }, 401],
      [{ jti: 'j'.repeat(255) }, 200],
      [{ jti: 'j'.repeat(256) }, 401],
      [{ jti: '' }, 401],
    ] as const) {
      const jwt = await assertion(app, key, { ...by, ...claims });
      t.is((await introspectWith(app, jwt)).status, status, JSON.stringify(claims));
    }
  },
);

testEachDatabase('private_key_jwt: a jti that one client has used is free for another', async (t, app) => {
  for (const { key, id } of [
    await keyClient(app, { permissions: ['introspect'] }),
    await keyClient(app, { permissions: ['introspect'] }),
  ]) {
    const jwt = await assertion(app, key, { iss: id, sub: id, jti: 'a jti of both' });
    t.is((await introspectWith(app, jwt)).status, 200);
  }
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
      ['a nested JWT', assertion(app, key, by, { cty: 'JWT' })],
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
  'the log names the member of an assertion that does not fit, never its value',
  async (t, app) => {
    const { key, id } = await keyClient(app, { permissions: ['introspect'] });
    const stranger = await newKey('ES256');
    const by = { iss: id, sub: id };
    const used = await assertion(app, key, by);
    t.is((await introspectWith(app, used)).status, 200);
    const cases: [string | undefined, string][] = [
      ['typ', await assertion(app, key, by, { typ: 'at+jwt' })],
      ['iss', await assertion(app, key, { ...by, iss: 'not-to-be-logged' })],
      ['exp', await assertion(app, key, { ...by, exp: app.seconds + 3600 })],
      ['nbf', await assertion(app, key, { ...by, nbf: app.seconds + 120 })],
      ['iat', await assertion(app, key, { ...by, iat: app.seconds + 120 })],
      ['jti', await assertion(app, key, { ...by, jti: undefined })],
      ['aud', await assertion(app, stranger, { ...by, aud: `${publicUrl}/not-to-be-logged` })],
      [undefined, await assertion(app, stranger, by)],
      [undefined, used],
    ];
    for (const [, jwt] of cases) t.is((await introspectWith(app, jwt)).status, 401);
    const lines = app.log.filter(({ msg }) => msg === 'client authentication failed');
    t.deepEqual(
      lines.map(({ client_id, why, member }) => [client_id, why, member]),
      cases.map(([member]) => [id, 'wrong_proof', member]),
    );
    t.notRegex(JSON.stringify(lines), /not-to-be-logged/);
  },
);

testEachDatabase(
  'private_key_jwt: an assertion may name AUTHORIZATION_SERVER_ISSUER, or an audience that older clients name',
  async (t, app) => {
    const { key, id } = await keyClient(app, { permissions: ['introspect'] });
    const by = { iss: id, sub: id };
    for (const [aud, status] of [
      ['https://as.example', 200],
      [publicUrl, 200],
      ['https://as.example/token', 200],
      [['https://as.example', 'https://as.example/token'], 200],
      [['https://as.example', 'https://elsewhere.example'], 401],
      [[], 401],
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
  'private_key_jwt: keys at a jwks_uri are rotated without a restart, and an outage is 503',
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
