// JWT_SECRET: home-made HS256 tokens, trusted without any record of an issuer.
import { SignJWT } from 'jose';
import { api, publicUrl, type TestApp } from '../helpers/app.ts';
import { wireDigestOf } from '../helpers/claims.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { forge, newKey, TestIssuer } from '../helpers/issuer.ts';

const secret = 'q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU';
const older = 'b1Xo6QkM8tRz2VnC4hLy7EwG9jSd3PfA';
const settings = {
  JWT_SECRET: `${secret},${older}`,
  JWT_SECRET_ISSUERS: 'my-login',
  JWT_SECRET_AUDIENCE: api,
  JWT_SECRET_CLIENT: 'web-app',
};

async function sign(app: TestApp, claims: Record<string, unknown>, key = secret, alg = 'HS256') {
  const { seconds } = app;
  const payload = JSON.parse(JSON.stringify({ iat: seconds, exp: seconds + 3600, ...claims }));
  return app.secret(await new SignJWT(payload).setProtectedHeader({ alg }).sign(Buffer.from(key)));
}

testEachDatabase(
  'POST /introspect knows home-made tokens of every secret, with id or uid for a user',
  async (t, app) => {
    app.secret(secret);
    const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
    const token = await sign(app, { id: 42 });
    const { body } = await app.form('/introspect', { token }, resourceServer);
    t.like(body, {
      active: true,
      sub: '42',
      client_id: 'web-app',
      iss: publicUrl,
      token_use: 'access_token',
    });
    t.is((await app.introspect(await sign(app, { uid: 'u7' }, older))).sub, 'u7');
    t.is((await app.introspect(await sign(app, { sub: 'a', iss: 'my-login' }))).iss, 'my-login');
    t.is((await app.introspect(await sign(app, { id: 1, type: 'refresh' }))).token_use, 'refresh_token');
    t.false(await app.isActive(forge(token)));
    t.false(await app.isActive(await sign(app, { id: 42 }, 'another-secret-of-more-than-32-bytes')));
    t.false(await app.isActive(await sign(app, { id: 42, iss: 'https://elsewhere.example' })));
    t.false(await app.isActive(await sign(app, { id: 42 }, secret.repeat(2), 'HS512')));
  },
  settings,
);

testEachDatabase(
  'the secret signs nothing in the name of an issuer on record',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, { issuer: 'my-login' });
    t.true(await app.isActive(await issuer.sign()));
    t.false(await app.isActive(await sign(app, { sub: 'u1', iss: 'my-login' })));
    const asymmetric = await newKey('ES256');
    t.false(await app.isActive(await issuer.signAs({ iss: undefined }, {}, asymmetric)));
  },
  settings,
);

testEachDatabase(
  'POST /logout with a home-made token logs its user out everywhere unless asked otherwise',
  async (t, app) => {
    const bearer = await sign(app, { id: 42 });
    const elsewhere = await sign(app, { id: 42, device: 2 });
    const another = await sign(app, { id: 43 });
    const { body } = await app.request('POST', '/logout', { auth: `Bearer ${bearer}` });
    t.like(body.data, { status: 'logged_out', scope: 'all', user_id: '42', safe_iat_after: app.seconds + 1 });
    t.false(await app.isActive(elsewhere), 'never shown to us');
    t.true(await app.isActive(another));
    const again = await app.request('POST', '/logout', { auth: `Bearer ${elsewhere}` });
    t.is(again.body.data.status, 'already_logged_out');

    app.advance(2);
    const one = await sign(app, { id: 42 });
    const two = await sign(app, { id: 42, device: 2 });
    await app.json('/logout', { refresh_token: one, scope: 'current' });
    t.false(await app.isActive(one));
    t.true(await app.isActive(two));
    const ahead = await sign(app, { id: 42, iat: app.seconds + 1e9, exp: app.seconds + 2e9 });
    await app.request('POST', '/logout', { auth: `Bearer ${ahead}` });
    app.advance(120);
    t.true(await app.isActive(await sign(app, { id: 42 })), 'a date in a far future locks nobody out');
  },
  settings,
);

testEachDatabase(
  'POST /revoke of a home-made token goes by the client of the setting',
  async (t, app) => {
    const client = await app.addClient({ clientId: 'web-app' });
    const token = await sign(app, { id: 42 });
    t.is((await app.form('/revoke', { token }, await app.addClient())).body.error, 'invalid_grant');
    t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
    t.false(await app.isActive(token));
  },
  settings,
);

testEachDatabase(
  'a home-made token that is dead stays dead where the secret is no setting any more',
  async (t, app) => {
    const without = await app.another();
    const registrar = await app.addClient({ permissions: ['register', 'revoke:any'] });
    const register = async (members: Record<string, unknown>) => {
      const registration = app.registration({ client_id: 'web-app', sub: 'u1', ...members });
      t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
    };
    const byString = (token: string) => ({
      token_digest: wireDigestOf(token),
    });
    const end = (target: Record<string, unknown>) =>
      app.json('/v1/revocations', { target, reason: 'admin' }, registrar);

    const living = await sign(app, { sub: 'u2', sid: 's2' });
    await register({ token: living, sub: 'u2' });
    t.true(await without.isActive(living));

    const named = await sign(app, { sub: 'u1', sid: 's1', jti: 'j1' });
    const numbered = await sign(app, { sub: 'u1', jti: 'j2' });
    for (const token of [named, numbered]) await register({ token });
    await end({ kind: 'session', session_id: 's1' });
    await end({ kind: 'jti', jti: 'j2' });

    const [revoked, loggedOut, late] = [
      await sign(app, { sub: 'u1', n: 1 }),
      await sign(app, { sub: 'u1', n: 2 }),
      await sign(app, { sub: 'u3', n: 3 }),
    ];
    for (const token of [revoked, loggedOut]) await register(byString(token));
    t.is((await app.form('/revoke', { token: revoked }, registrar)).body.status, 'revoked');
    const out = await app.json('/logout', { refresh_token: loggedOut, scope: 'current' });
    t.is(out.body.data.status, 'logged_out');

    t.true(await app.isActive(late));
    await end({ kind: 'subject', sub: 'u3' });
    app.advance(1);
    await register({ ...byString(late), sub: 'u3' });

    for (const token of [named, numbered, revoked, loggedOut, late]) {
      t.deepEqual([await app.isActive(token), await without.isActive(token)], [false, false]);
      const again = await without.form('/revoke', { token }, registrar);
      t.is(again.body.reason, 'token_already_revoked');
    }
    t.true(await without.isActive(living));
  },
  settings,
);
