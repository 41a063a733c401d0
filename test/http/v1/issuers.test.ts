// /v1/issuers: whose JWTs are trusted.
import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { checkKeyUrl } from '../../../src/wire/key-source.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';

testEachDatabase(
  'POST /v1/issuers trusts an issuer from then on; it can be shown and listed',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    const key = await newKey('ES256', 'k1');
    const fields = {
      issuer: 'https://id.example/realms/a',
      jwks: { keys: [key.jwk] },
      claims: { user: 'uid', session: ['session', 'sid'] },
      types: ['application/AT+jwt'],
      scope_permissions: { auditor: ['audit'] },
      refresh_marker: { claim: 'kind', value: 'r' },
    };
    const added = await app.json('/v1/issuers', fields, admin);
    t.is(added.status, 201);
    t.like(added.body, {
      issuer: fields.issuer,
      types: ['at+jwt'],
      reuses_ids: false,
      reach: 'own',
      disabled_at: null,
    });
    t.deepEqual(added.body.claims.user, ['uid']);
    t.is((await app.json('/v1/issuers', fields, admin)).body.code, 'issuer_exists');
    const path = `/v1/issuers/${encodeURIComponent(fields.issuer)}`;
    t.is(added.headers.location, path);
    t.deepEqual((await app.get(path, admin)).body, added.body);
    await TestIssuer.inline(app);
    const page = await app.get('/v1/issuers?limit=1', admin);
    const next = await app.get(`/v1/issuers?limit=1&cursor=${page.body.next_cursor}`, admin);
    t.deepEqual(
      [...page.body.items, ...next.body.items].map(({ issuer }: { issuer: string }) => issuer),
      ['https://id.example', fields.issuer],
    );
    t.is(next.body.next_cursor, null);
    t.is((await app.request('POST', `${path}/disable`, { auth: admin })).body.disabled_at !== null, true);
    t.is((await app.request('POST', `${path}/enable`, { auth: admin })).body.disabled_at, null);
    t.deepEqual(
      (await app.events()).map(({ action }) => action).filter((action) => action.startsWith('issuer')),
      [
        'issuer_added',
        'issuer_key_seen',
        'issuer_added',
        'issuer_key_seen',
        'issuer_disabled',
        'issuer_enabled',
      ],
    );
    t.is((await app.get('/v1/issuers/nobody', admin)).status, 404);
    t.is((await app.get(path, await app.addClient({ permissions: ['audit'] }))).status, 403);
  },
);

testEachDatabase('POST /v1/issuers/…/refresh-keys fetches and shows the keys', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  const path = `/v1/issuers/${encodeURIComponent(issuer.name)}/refresh-keys`;
  const { status, body } = await app.request('POST', path, { auth: admin });
  t.is(status, 200);
  t.deepEqual(
    body.keys.map(({ kid }: { kid: string }) => kid),
    ['k1'],
  );
  app.clock.now += 1;
  t.is((await app.request('POST', path, { auth: admin })).status, 503, 'within the cool-down');
  app.advance(11);
  issuer.answer = 'html';
  t.is((await app.request('POST', path, { auth: admin })).status, 503);
  t.true(await app.isActive(await issuer.sign()), 'the old keys stand');
});

testEachDatabase(
  'POST /v1/issuers refuses what would not be safe, by the name of the member',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    const { jwk } = await newKey();
    const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({
      format: 'jwk',
    });
    const issuer = 'https://id.example';
    const bad: [string, Record<string, unknown>][] = [
      ['jwks', { issuer }],
      ['jwks', { issuer, discovery: true, jwks: { keys: [jwk] } }],
      ['jwks', { issuer, jwks: { keys: [{ ...jwk, d: 'AAAA' }] } }],
      ['jwks', { issuer, jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }],
      ['jwks', { issuer, jwks: { keys: [] } }],
      ['jwks', { issuer, jwks: { keys: 'x' } }],
      ['jwks', { issuer, jwks: { keys: [{ ...jwk, use: 'enc' }] } }],
      ['jwks', { issuer, jwks: { keys: [{ ...jwk, alg: 'RS256' }] } }],
      ['jwks', { issuer, jwks: { keys: [jwk, { ...jwk, alg: 'ES384' }] } }],
      ['jwks', { issuer, jwks: { keys: [secp256k1] } }],
      ['jwks_uri', { issuer, jwks_uri: 'ftp://id.example/jwks' }],
      ['jwks_uri', { issuer, jwks_uri: 'https://user:pass@id.example/jwks' }],
      ['issuer', { issuer: 'my-login', discovery: true }],
      ['issuer', { issuer: '.', jwks: { keys: [jwk] } }],
      ['issuer', { issuer: '..', jwks: { keys: [jwk] } }],
      ['issuer', { issuer: '*', jwks: { keys: [jwk] } }],
      [
        'inbox.governs.0',
        { issuer, discovery: true, inbox: { kinds: ['security_events'], audience: 'web', governs: ['*'] } },
      ],
      ['default_client', { issuer, discovery: true, default_client: 'é' }],
      ['algorithms', { issuer, discovery: true, algorithms: ['none'] }],
      ['algorithms', { issuer, discovery: true, algorithms: ['HS256'] }],
      ['algorithms', { issuer, discovery: true, algorithms: [] }],
      ['types.0', { issuer, discovery: true, types: ['logout+jwt'] }],
      ['a parameter', { issuer, discovery: true, 'x y': 1 }],
      ['scope_permissions.read.0', { issuer, discovery: true, scope_permissions: { read: ['root'] } }],
    ];
    for (const [parameter, fields] of bad) {
      const { status, body } = await app.json('/v1/issuers', fields, admin);
      t.is(status, 400, JSON.stringify(fields));
      t.is(body.errors[0].parameter, parameter, body.detail);
    }
    t.is((await app.get('/v1/issuers', admin)).body.items.length, 0);
  },
);

test('keys are fetched without TLS from this machine alone, unless that is allowed', (t) => {
  const check = (url: string, allowHttp = false) => checkKeyUrl('jwks_uri', url, allowHttp);
  for (const host of ['127.0.0.1:3000', '127.1.2.3', 'localhost', '[::1]:80'])
    t.is(check(`http://${host}/jwks`), `http://${host}/jwks`);
  for (const host of ['127.id.example', '127.0.0.1.id.example', 'localhost.id.example', '10.0.0.1']) {
    const message = 'jwks_uri must be an https URL without a user name';
    t.throws(() => check(`http://${host}/jwks`), { message }, host);
    t.is(check(`http://${host}/jwks`, true), `http://${host}/jwks`);
    for (const url of [`https://a@${host}/`, `https://:b@${host}/`, ` https://${host}/`])
      t.throws(() => check(url), { message }, url);
  }
});
