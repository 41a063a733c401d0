// Callers that prove who they are by an access token of a trusted issuer.
import { createHash, X509Certificate } from 'node:crypto';
import { SignJWT } from 'jose';
import { publicUrl } from '../../helpers/app.ts';
import * as certificates from '../../helpers/certificates.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';
import type { Auth } from '../../helpers/requests.ts';

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
  'a bearer is told by each 403 that its token gives no access to that, a client is not',
  async (t, app) => {
    const permissions = ['revoke:session', 'revoke:client', 'register'] as const;
    const scope_permissions = { some: [...permissions] };
    const issuer = await TestIssuer.inline(app, { scope_permissions });
    const bearer = `Bearer ${await issuer.sign({ sub: 'operator', aud: publicUrl, scope: 'some' })}`;
    const client = await app.addClient({ permissions, issuers: [issuer.name] });
    const order = (target: object, auth: Auth) =>
      app.json('/v1/revocations', { target, reason: 'admin', dry_run: true }, auth);
    const register = (iss: string, auth: Auth) =>
      app.json('/v1/tokens', app.registration({ token: app.newToken(), client_id: 'c', iss }), auth);
    for (const [what, refused] of Object.entries({
      'another kind': (auth: Auth) => order({ kind: 'subject', issuer: issuer.name, sub: 'u' }, auth),
      'a key': (auth: Auth) => order({ kind: 'key', issuer: issuer.name, kid: 'k' }, auth),
      'every issuer': (auth: Auth) => order({ kind: 'session', issuer: '*', session_id: 's' }, auth),
      'another issuer': (auth: Auth) =>
        order({ kind: 'session', issuer: 'https://x.example', session_id: 's' }, auth),
      'a token of another issuer': (auth: Auth) => register('https://x.example', auth),
      'no permission at all': (auth: Auth) => app.get('/v1/clients', auth),
    })) {
      const [toBearer, toClient] = [await refused(bearer), await refused(client)];
      t.deepEqual([toBearer.status, toClient.status], [403, 403], what);
      t.regex(toBearer.headers['www-authenticate'] ?? '', /^Bearer .*error="insufficient_scope"$/, what);
      t.is(toClient.headers['www-authenticate'], undefined, what);
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

testEachDatabase(
  'a bearer token that is dead, bound to a key, opaque or for somebody else gives no access',
  async (t, app) => {
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
  },
);

testEachDatabase(
  'a bearer token bound to a certificate counts with it',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, scopes);
    const { raw } = new X509Certificate(certificates.selfSigned);
    const thumbprint = createHash('sha256').update(raw).digest('base64url');
    const ask = async (pem: string, cnf: object) => {
      const bearer = await issuer.sign({ aud: publicUrl, scope: 'inspect', cnf });
      const headers = { 'Client-Cert': certificates.clientCert(pem) };
      return (await app.form('/introspect', { token: 'x' }, `Bearer ${bearer}`, { headers })).status;
    };
    const bound = { 'x5t#S256': thumbprint };
    t.is(await ask(certificates.selfSigned, bound), 200);
    t.is(await ask(certificates.client, bound), 401);
    t.is(await ask(certificates.selfSigned, { ...bound, jkt: 'x' }), 401, 'and to a key, which is not shown');
  },
  { CLIENT_CERT_PROXIES: '127.0.0.1/32,::1' },
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
