// PATCH /v1/issuers/{issuer}: a merge patch (RFC 7396) of those whose JWTs are trusted. It brings no dead token back.
import type { ExecutionContext } from 'ava';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';
import type { TestClient } from '../../helpers/requests.ts';

const path = `/v1/issuers/${encodeURIComponent('https://id.example')}`;

async function setUp(app: TestApp, fields: Record<string, unknown> = {}) {
  const admin = await app.addClient({ permissions: ['admin', 'revoke:any'] });
  const issuer = await TestIssuer.inline(app, fields);
  const patch = (value: object) => app.patch(path, value, admin);
  return { admin, issuer, patch };
}

async function revoke(t: ExecutionContext, app: TestApp, admin: TestClient, target: object): Promise<void> {
  const body = { target: { issuer: 'https://id.example', ...target }, reason: 'admin', confirm: 'k2' };
  t.is((await app.json('/v1/revocations', body, admin)).status, 201);
}

testEachDatabase(
  'a patch merges objects member by member, and the trail tells what changed',
  async (t, app) => {
    const inbox = { kinds: ['security_events'], audience: 'web', keep_offline: true };
    const { admin, patch } = await setUp(app, {
      scope_permissions: { a: ['audit'], b: ['sessions'] },
      inbox,
    });
    const before = (await app.get(path, admin)).body;
    const { status, body } = await patch({
      scope_permissions: { a: null, c: ['introspect'] },
      inbox: { keep_offline: false },
      reach: 'all',
    });
    t.is(status, 200);
    t.deepEqual(body, {
      ...before,
      scope_permissions: { b: ['sessions'], c: ['introspect'] },
      inbox: { ...before.inbox, keep_offline: false },
      reach: 'all',
    });
    t.deepEqual((await app.get(path, admin)).body, body);
    t.is((await patch({ reach: 'all' })).status, 200);
    const events = await app.events('issuer_updated');
    t.is(events.length, 1);
    t.deepEqual(events[0]?.metadata, {
      issuer: 'https://id.example',
      changed: ['scope_permissions', 'reach', 'inbox'],
      keys: 'jwks',
      algorithms: body.algorithms,
      audiences: [],
      scope_permissions: body.scope_permissions,
      reach: 'all',
    });
  },
);

testEachDatabase('a token that was seen before is read by the record as it is now', async (t, app) => {
  const { issuer, patch } = await setUp(app);
  const token = await issuer.sign({ aud: 'https://other.example' }, { typ: 'JWT' });
  t.true(await app.isActive(token));
  for (const [narrow, back] of [
    [{ audiences: ['https://api.example'] }, { audiences: null }],
    [{ algorithms: ['RS256'] }, { algorithms: null }],
    [{ types: ['x+jwt'] }, { types: null }],
  ]) {
    t.is((await patch(narrow as object)).status, 200);
    t.false(await app.isActive(token), JSON.stringify(narrow));
    t.is((await patch(back as object)).status, 200);
    t.true(await app.isActive(token));
  }
  const server = await app.addClient({ permissions: ['introspect'], audiences: ['https://api.example'] });
  const forAnyone = await issuer.sign({ aud: undefined });
  const sees = async () => (await app.form('/introspect', { token: forAnyone }, server)).body.active;
  t.false(await sees());
  await patch({ default_audience: 'https://api.example' });
  t.true(await sees());
});

testEachDatabase(
  'keys come from where the patch says, and a key that left proves nothing any more',
  async (t, app) => {
    const { issuer, patch, admin } = await setUp(app);
    const old = await issuer.sign();
    t.true(await app.isActive(old));
    await issuer.rotate('k2');
    const young = await issuer.sign();
    t.false(await app.isActive(young));
    t.is((await patch({ jwks: { keys: [issuer.key.jwk] } })).status, 200);
    t.deepEqual([await app.isActive(old), await app.isActive(young)], [false, true]);
    t.deepEqual(
      (await app.events('issuer_key_seen')).map(({ metadata }) => metadata?.kid),
      ['k1', 'k2'],
    );
    await revoke(t, app, admin, { kind: 'key', kid: 'k2' });
    t.false(await app.isActive(young));

    const both = await patch({ jwks_uri: 'https://id.example/jwks' });
    t.deepEqual([both.status, both.body.errors[0].parameter], [400, 'jwks']);
    const { body } = await patch({ jwks_uri: 'https://id.example/jwks', jwks: null });
    t.deepEqual([body.jwks_uri, 'jwks' in body], ['https://id.example/jwks', false]);
  },
);

testEachDatabase('claims may be added after those there are, and cover more from then on', async (t, app) => {
  const { issuer, patch, admin } = await setUp(app);
  const token = await issuer.sign({ sub: undefined, user_id: 'u7' });
  await revoke(t, app, admin, { kind: 'subject', sub: 'u7' });
  t.true(await app.isActive(token), 'user_id is no claim that names a user yet');
  t.is((await patch({ claims: { user: ['sub', 'id', 'uid', 'user_id'] } })).status, 200);
  t.false(await app.isActive(token));
  t.true(await app.isActive(await issuer.sign({ sub: undefined, user_id: 'u8' })));
});

testEachDatabase('what would bring revoked tokens back to life is refused', async (t, app) => {
  const { issuer, patch, admin } = await setUp(app, { claims: { session: ['sid', 'session'] } });
  t.is((await patch({ default_client: 'web' })).status, 200, 'tokens without a client get one');
  const token = await issuer.sign({ session: 's1' });
  await revoke(t, app, admin, { kind: 'session', session_id: 's1' });
  const before = (await app.get(path, admin)).body;
  const tries: [object, string][] = [
    [{ claims: null }, 'claims'],
    [{ claims: { session: ['sid'] } }, 'claims'],
    [{ claims: { session: ['session', 'sid'] } }, 'claims'],
    [{ claims: { session: ['other', 'sid', 'session'] } }, 'claims'],
    [{ claims: { user: 'id' } }, 'claims'],
    [{ claims: { grant: null, client: 'azp' } }, 'claims'],
    [{ claims: { session: ['sid', 'session', 'more'] } }, 'claims'],
    [{ claims: { grant: ['grant_id', 'gid'] } }, 'claims'],
    [{ claims: { client: ['client_id', 'azp', 'cid'] } }, 'claims'],
    [{ refresh_marker: { claim: 'sub', value: 'u1' } }, 'refresh_marker'],
    [{ default_client: null }, 'default_client'],
    [{ default_client: 'other' }, 'default_client'],
  ];
  for (const [patched, member] of tries) {
    const { status, body } = await patch(patched);
    t.deepEqual([status, body.errors?.[0].parameter], [400, member], JSON.stringify(patched));
  }
  t.deepEqual((await app.get(path, admin)).body, before);
  t.false(await app.isActive(token));
  t.is((await app.events('issuer_updated')).length, 1);
});

testEachDatabase('a patch of an issuer that is refused names the member', async (t, app) => {
  const { patch, admin } = await setUp(app);
  const key = await newKey('HS256').catch(() => newKey('ES256'));
  const tries: [object, string][] = [
    [{ issuer: 'https://other.example' }, 'issuer'],
    [{ created_at: null }, 'created_at'],
    [{ algorithms: ['HS256'] }, 'algorithms'],
    [{ jwks: null }, 'jwks'],
    [{ jwks: { keys: [{ ...key.jwk, d: 'x' }] } }, 'jwks'],
    [{ inbox: { audience: 'web' } }, 'inbox.kinds'],
    [{ reach: 'everywhere' }, 'reach'],
  ];
  for (const [patched, member] of tries) {
    const { status, body } = await patch(patched);
    t.deepEqual([status, body.errors?.[0].parameter], [400, member], JSON.stringify(patched));
  }
  t.is((await app.patch('/v1/issuers/nobody', {}, admin)).status, 404);
  t.is((await app.patch(path, {}, await app.addClient())).status, 403);
});
