// PATCH /v1/clients/{client_id}: a merge patch (RFC 7396) of those who may call.
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TestApp } from '../../helpers/app.ts';
import { canary } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, type SigningKey } from '../../helpers/issuer.ts';

const path = '/v1/clients/api';

testEachDatabase(
  'a patch changes what it names, null gives the default, and the trail has it',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    const given = { clientName: 'API', audiences: ['https://a.example'], cacheMaxAge: 30 };
    await app.addClient({ clientId: 'api', permissions: ['introspect'], ...given });
    const before = (await app.get(path, admin)).body;
    const patch = {
      permissions: ['introspect', 'audit'],
      client_name: null,
      cache_max_age: null,
      scope: 'a b',
    };
    const { status, body } = await app.patch(path, patch, admin);
    t.is(status, 200);
    const { client_name: _, ...rest } = before;
    t.deepEqual(body, { ...rest, permissions: ['introspect', 'audit'], cache_max_age: 0, scope: 'a b' });
    t.deepEqual((await app.get(path, admin)).body, body);
    const [event, ...others] = await app.events('client_updated');
    t.deepEqual(others, []);
    t.like(event, { clientId: 'api', actor: { kind: 'client', id: admin.client_id }, channel: 'api' });
    t.deepEqual(event?.metadata, {
      changed: ['client_name', 'permissions', 'cache_max_age', 'scope'],
      token_endpoint_auth_method: 'client_secret_basic',
      permissions: ['introspect', 'audit'],
      audiences: ['https://a.example'],
      issuers: [],
    });
  },
);

testEachDatabase('what a patch gives or takes away counts from its answer on', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  const api = await app.addClient({ clientId: 'api' });
  const introspects = async () => (await app.form('/introspect', { token: 'x' }, api)).status;
  const origin = { headers: { Origin: 'https://app.example' } };
  const allowed = async () =>
    (await app.form('/revoke', { token: 'x' }, api, origin)).headers['access-control-allow-origin'];
  t.deepEqual([await introspects(), await allowed()], [403, undefined]);
  await app.patch(path, { permissions: ['introspect'], allowed_origins: [origin.headers.Origin] }, admin);
  t.deepEqual([await introspects(), await allowed()], [200, origin.headers.Origin]);
  await app.patch(path, { permissions: [], allowed_origins: null }, admin);
  t.deepEqual([await introspects(), await allowed()], [403, undefined]);
});

testEachDatabase('a patch that changes nothing is no event', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  await app.addClient({ clientId: 'api', permissions: ['introspect'] });
  const before = await app.get(path, admin);
  for (const patch of [{}, { permissions: ['introspect'] }, { client_name: null }]) {
    const { status, body } = await app.patch(path, patch, admin);
    t.is(status, 200);
    t.deepEqual(body, before.body);
  }
  t.deepEqual(await app.events('client_updated'), []);
});

testEachDatabase('a patch that is refused names the member, and changes nothing', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  const api = await app.addClient({ clientId: 'api', permissions: ['introspect'] });
  const before = await app.get(path, admin);
  const key = await newKey('ES256', 'k1');
  const tries: [object, string][] = [
    [{ client_id: 'other' }, 'client_id'],
    [{ client_secret: 'x'.repeat(40) }, 'client_secret'],
    [{ secrets: [] }, 'secrets'],
    [{ disabled_at: null }, 'disabled_at'],
    [{ [canary]: null }, 'a parameter'],
    [{ client_name: api.secret }, 'client_name'],
    [{ permissions: ['everything'] }, 'permissions.0'],
    [{ cache_max_age: 3601 }, 'cache_max_age'],
    [{ token_endpoint_auth_method: 'none' }, 'permissions'],
    [{ token_endpoint_auth_method: 'private_key_jwt' }, 'jwks'],
    [{ token_endpoint_auth_method: 'tls_client_auth' }, 'tls_client_auth_subject_dn'],
    [{ jwks: { keys: [key.jwk] }, jwks_uri: 'https://a.example/jwks' }, 'jwks_uri'],
    [{ jwks: { keys: [{ ...key.jwk, alg: 'RS256' }] } }, 'jwks'],
    [[], 'body'],
    [{ jwks: JSON.parse(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`) }, 'body'],
  ];
  for (const [patch, parameter] of tries) {
    const { status, body } = await app.patch(path, patch, admin);
    t.is(status, 400, JSON.stringify(patch));
    t.is(body.errors?.[0].parameter, parameter, JSON.stringify(patch));
  }
  t.is((await app.patch('/v1/clients/nobody', {}, admin)).status, 404);
  t.is((await app.patch(path, {}, api)).status, 403);
  t.is((await app.patch(path, {}, admin, { type: 'text/plain' })).status, 415);
  t.deepEqual((await app.get(path, admin)).body, before.body);
  t.deepEqual(await app.events('client_updated'), []);
});

testEachDatabase(
  'a client that is given up its secret never gets it back, and one that needs a secret is shown a new one',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    const api = await app.addClient({ clientId: 'api' });
    const changeTo = async (method: string) => {
      const { body } = await app.patch(path, { token_endpoint_auth_method: method }, admin);
      if (body.client_secret) app.secret(body.client_secret);
      return body;
    };
    const basic = async (secret: string) =>
      (await app.form('/revoke', { token: 'x' }, ['api', secret])).status;
    const posted = async (secret: string) =>
      (await app.form('/revoke', { token: 'x', client_id: 'api', client_secret: secret })).status;

    t.false('client_secret' in (await changeTo('client_secret_post')), 'it keeps the secret it has');
    t.is(await posted(api.secret), 200);
    const open = await changeTo('none');
    t.is(open.secrets[0].expires_at, new Date(app.clock.now).toISOString());
    app.advance(1);
    t.is(await posted(api.secret), 401);
    const { client_secret, ...closed } = await changeTo('client_secret_basic');
    t.is(closed.secrets.length, 2);
    t.is(await basic(client_secret), 200);
    t.is(await basic(api.secret), 401);
    t.false('client_secret' in (await app.get(path, admin)).body);
  },
);

testEachDatabase('a key that a patch removes proves nothing any more', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  const [before, after] = [await newKey('ES256', 'k1'), await newKey('ES256', 'k2')];
  await app.addClient({
    clientId: 'api',
    authMethod: 'private_key_jwt',
    keys: { kind: 'jwks', keys: [before.jwk] },
  });
  t.deepEqual([await proves(app, before), await proves(app, after)], [200, 401]);
  await app.patch(path, { jwks: { keys: [after.jwk] } }, admin);
  t.deepEqual([await proves(app, before), await proves(app, after)], [401, 200]);
});

async function proves(app: TestApp, { alg, privateKey, jwk }: SigningKey): Promise<number> {
  const claims = {
    iss: 'api',
    sub: 'api',
    aud: app.policy.publicUrl,
    jti: randomUUID(),
    exp: app.seconds + 60,
  };
  const assertion = await new SignJWT(claims)
    .setProtectedHeader({ alg, kid: String(jwk.kid) })
    .sign(privateKey);
  const fields = {
    token: 'x',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: app.secret(assertion),
  };
  return (await app.form('/revoke', fields)).status;
}

testEachDatabase('PATCH takes merge patches, and no other kind of JSON for one', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  await app.addClient({ clientId: 'api' });
  const taken = ['application/merge-patch+json', 'application/json'];
  for (const type of [...taken, 'Application/Merge-Patch+JSON; charset=utf-8'])
    t.is((await app.patch(path, { client_name: type }, admin, { type })).status, 200, type);
  const { body: before } = await app.get(path, admin);
  for (const at of [path, '/v1/issuers/nobody'])
    for (const type of ['application/json-patch+json', 'application/x+json', 'text/plain', undefined]) {
      const refused = await app.patch(at, { client_name: 'other' }, admin, { type });
      const { status, body, headers } = refused;
      t.deepEqual([status, body.code], [415, 'unsupported_media_type'], `${at} ${type}`);
      t.is(headers['accept-patch'], taken.join(', '));
    }
  t.deepEqual((await app.get(path, admin)).body, before);
});

testEachDatabase(
  'PATCH with an empty body is refused, and with an empty object changes nothing',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    await app.addClient({ clientId: 'api' });
    const { body: before } = await app.get(path, admin);
    const type = 'application/merge-patch+json';
    for (const at of [path, '/v1/issuers/nobody']) {
      const { status, body } = await app.request('PATCH', at, { auth: admin, type, body: '' });
      const problem = 'the body is empty, and must be a JSON merge patch';
      t.deepEqual([status, body.code, body.detail], [400, 'invalid_request', problem], at);
    }
    t.is((await app.patch(path, {}, admin)).status, 200);
    t.deepEqual((await app.get(path, admin)).body, before);
  },
);

testEachDatabase('patches, rotations and suspensions at once are all made', async (t, app) => {
  const admin = await app.addClient({ permissions: ['admin'] });
  await app.addClient({ clientId: 'api' });
  const patches = [
    { client_name: 'API' },
    { cache_max_age: 9 },
    { cascade: 'grant' },
    { logout_scope: 'all' },
    { scope: 'read' },
    { permissions: ['introspect'] },
    { audiences: ['https://a.example'] },
  ];
  const replies = await Promise.all([
    ...patches.map((patch) => app.patch(path, patch, admin)),
    app.request('POST', `${path}/rotate-secret`, { auth: admin }),
    app.request('POST', `${path}/disable`, { auth: admin }),
  ]);
  for (const { status, body } of replies) {
    t.is(status, 200);
    if (body.client_secret) app.secret(body.client_secret);
  }
  const { body } = await app.get(path, admin);
  t.like(body, Object.assign({}, ...patches));
  t.is(body.secrets.length, 2);
  t.not(body.disabled_at, null);
  t.is((await app.events('client_updated')).length, patches.length);
});
