// JWTs of trusted issuers at /introspect, /revoke and /logout: never registered, judged all the same.
import { systemOrigin } from '../../../src/domain/audit.ts';
import { addIssuer, switchIssuer } from '../../../src/domain/records/manage-issuers.ts';
import { newIssuerBody, toNewIssuer } from '../../../src/wire/issuers.ts';
import { api } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { forge, reencodeSignature, TestIssuer } from '../../helpers/issuer.ts';
import type { Reply } from '../../helpers/requests.ts';

const invalid = { status: 'already_inactive', reason: 'token_not_found' };

testEachDatabase('a JWT whose iss is * is of no issuer, whatever is on record', async (t, app) => {
  const everywhere = await TestIssuer.unknown(app, '*');
  const fields = { issuer: 'https://id.example', jwks: { keys: [everywhere.key.jwk] } };
  const record = await toNewIssuer(newIssuerBody.parse(fields), true);
  await addIssuer(app.store, systemOrigin, { ...record, issuer: everywhere.name }, []);
  t.false(await app.isActive(await everywhere.sign()));
});

testEachDatabase('POST /introspect shows a live JWT to its audience as it was signed', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const { client_id } = await app.addClient();
  const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
  const members = { scope: 'read', acr: 'urn:mfa', auth_time: app.seconds - 5, cnf: { jkt: 'thumb' } };
  const token = await issuer.sign({ sub: 42, azp: client_id, sid: 's1', jti: 'j1', secret: 'x', ...members });
  const { status, body } = await app.form('/introspect', { token }, resourceServer);
  t.is(status, 200);
  t.deepEqual(body, {
    active: true,
    ...members,
    client_id,
    sub: '42',
    sid: 's1',
    jti: 'j1',
    aud: api,
    iss: issuer.name,
    token_type: 'DPoP',
    iat: app.seconds,
    exp: app.seconds + 3600,
    token_use: 'access_token',
    cache_max_age: 0,
  });
  const other = await app.addClient({ permissions: ['introspect'], audiences: ['https://other'] });
  t.is((await app.form('/introspect', { token }, other)).text, '{"active":false}');
});

testEachDatabase('a JWT counts with whatever white space its JSON has', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const { alg, jwk, privateKey } = issuer.key;
  const { client_id, secret } = await app.addClient();
  const claims = {
    iss: issuer.name,
    sub: 'u1',
    aud: api,
    client_id,
    iat: app.seconds,
    exp: app.seconds + 60,
  };
  const parts = [{ alg, kid: jwk.kid }, claims].map((part) =>
    Buffer.from(`\r\n\t ${JSON.stringify(part, null, 2)} `).toString('base64url'),
  );
  const signed = Buffer.from(parts.join('.'));
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, signed);
  const token = app.secret(`${signed}.${Buffer.from(signature).toString('base64url')}`);
  t.like(await app.introspect(token), { active: true, sub: 'u1' });
  t.is((await app.form('/revoke', { token }, [client_id, secret])).body.status, 'revoked');
  t.false(await app.isActive(token));
});

testEachDatabase(
  'POST /revoke of a JWT kills it, however its signature is written; a forged one changes nothing',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    const client = await app.addClient();
    const token = await issuer.sign({ client_id: client.client_id, jti: 'j1' });
    const other = await issuer.sign({ client_id: client.client_id, jti: 'j1', n: 2 });

    t.deepEqual((await app.form('/revoke', { token: app.secret(forge(token)) }, client)).body, invalid);
    t.true(await app.isActive(token));
    t.true(await app.isActive(app.secret(reencodeSignature(token))), 'another writing of the signature');

    t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
    t.false(await app.isActive(token));
    t.false(await app.isActive(reencodeSignature(token)), 'the same token in another writing');
    t.true(await app.isActive(other), 'a token that repeats its jti');
    t.deepEqual((await app.form('/revoke', { token }, client)).body, {
      status: 'already_inactive',
      reason: 'token_already_revoked',
    });
    const events = (await app.events('revoke')).map(({ clientId, userId }) => ({ clientId, userId }));
    t.deepEqual(events, [{ clientId: client.client_id, userId: 'u1' }]);
  },
);

testEachDatabase('POST /revoke tells expired, foreign and untrusted JWTs apart', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient();
  const stranger = await app.addClient();
  const mine = { client_id: client.client_id };
  const expired = await issuer.sign({ ...mine, iat: app.seconds - 100, exp: app.seconds - 10 });
  t.deepEqual((await app.form('/revoke', { token: expired }, client)).body, {
    status: 'already_inactive',
    reason: 'token_expired',
  });
  const notYet = await issuer.sign({ ...mine, nbf: app.seconds + 60 });
  t.is((await app.form('/revoke', { token: notYet }, client)).body.status, 'revoked');
  const untrusted = await issuer.sign({ ...mine, iss: 'https://elsewhere.example' });
  t.deepEqual((await app.form('/revoke', { token: untrusted }, client)).body, invalid);
  t.is((await app.form('/revoke', { token: untrusted }, client)).status, 200);
  const warnings = app.log.filter((line) => line.issuer === 'https://elsewhere.example');
  t.is(warnings.length, 1, 'an untrusted issuer is logged once');
  const token = await issuer.sign(mine);
  const refused = await app.form('/revoke', { token }, stranger);
  t.is(refused.status, 400);
  t.is(refused.body.error, 'invalid_grant');
  t.true(await app.isActive(token));
});

testEachDatabase(
  'POST /logout with a JWT ends its session; its user is logged out by a client',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    const { client_id } = await app.addClient({ logoutScope: 'all' });
    const bearer = await issuer.sign({ client_id, sid: 's1' });
    const sibling = await issuer.sign({ client_id, sid: 's1', n: 1 });
    const elsewhere = await issuer.sign({ client_id, sid: 's2' });
    const reply = await app.request('POST', '/logout', { auth: `Bearer ${bearer}` });
    t.is(reply.body.data.status, 'logged_out');
    t.is(reply.body.data.scope, 'current');
    t.is(reply.body.data.user_id, 'u1');
    t.false(await app.isActive(sibling), 'never shown to us before');
    t.true(await app.isActive(elsewhere));

    const everywhere = await app.json('/logout', { refresh_token: elsewhere, scope: 'all' });
    t.is(everywhere.body.data.scope, 'all');
    t.false(await app.isActive(await issuer.sign({ client_id, sid: 's3' })), 'issued in the same second');
    app.advance(1);
    t.is(everywhere.body.data.safe_iat_after, app.seconds);
    t.true(await app.isActive(await issuer.sign({ client_id, sid: 's4' })), 'a login after it');
  },
);

testEachDatabase('reuses_ids makes the end of a session a cutoff', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { reuses_ids: true });
  const { client_id } = await app.addClient();
  const token = await issuer.sign({ client_id, sid: 'sso' });
  await app.json('/logout', { refresh_token: token });
  t.false(await app.isActive(await issuer.sign({ client_id, sid: 'sso', n: 1 })));
  app.advance(1);
  t.true(await app.isActive(await issuer.sign({ client_id, sid: 'sso' })));
});

testEachDatabase(
  'the end of a session by a registered token reaches what an issuer ahead of our clock issued with it',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app, { reuses_ids: true });
    const owner = await app.addClient({ logoutScope: 'all' });
    const { client_id } = owner;
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const iat = app.seconds + 30;
    const ends: Readonly<Record<string, (refresh_token: string) => Promise<Reply>>> = {
      'the session': (refresh_token) => app.json('/logout', { refresh_token }),
      'all of the user': (refresh_token) => app.json('/logout', { refresh_token, scope: 'all' }),
      'the grant': (token) => app.form('/revoke', { token }, owner),
    };
    for (const [what, end] of Object.entries(ends)) {
      const names = { client_id, sub: `user of ${what}`, grant_id: `grant of ${what}` };
      const token = app.secret(app.newToken());
      const said = { ...names, token, iss: issuer.name, session_id: what, token_use: 'refresh_token', iat };
      t.is((await app.json('/v1/tokens', app.registration(said), registrar)).status, 201);
      const access = await issuer.sign({ ...names, sid: what, iat });
      t.true(await app.isActive(access));
      t.is((await end(token)).status, 200);
      t.false(await app.isActive(access), what);
    }
  },
);

testEachDatabase('reuses_ids makes the end of a grant by reuse a cutoff, too', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { reuses_ids: true });
  const { client_id } = await app.addClient();
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const register = async (replaces?: string) => {
    const token = app.newToken();
    const members = {
      token,
      client_id,
      iss: issuer.name,
      token_use: 'refresh_token',
      grant_id: 'g1',
      replaces,
    };
    return { token, reply: await app.json('/v1/tokens', app.registration(members), registrar) };
  };
  const first = await register();
  const second = await register(first.token);
  t.is((await register(first.token)).reply.body.code, 'refresh_token_reuse');
  t.false(await app.isActive(second.token));
  app.advance(1);
  t.true((await register()).reply.body.active, 'a login after it');
});

testEachDatabase('a suspended issuer has no active tokens, and they can still be revoked', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient();
  const token = await issuer.sign({ client_id: client.client_id });
  t.true(await app.isActive(token));
  await switchIssuer(app.store, systemOrigin, issuer.name, false);
  t.false(await app.isActive(token));
  t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
  await switchIssuer(app.store, systemOrigin, issuer.name, true);
  t.false(await app.isActive(token));
  t.true(await app.isActive(await issuer.sign({ client_id: client.client_id, n: 1 })));
});

testEachDatabase('a registered JWT is verified as well, and both must agree', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const { client_id } = await app.addClient();
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const register = (token: string, members: object) =>
    app.json('/v1/tokens', app.registration({ token, client_id, iss: issuer.name, ...members }), registrar);
  const token = await issuer.sign({ client_id });
  t.is((await register(token, { sub: 'u1', session_id: 's1' })).status, 201);
  t.is((await app.introspect(token)).sid, 's1', 'the registration adds the session');
  t.false(await app.isActive(app.secret(forge(token))));
  const contradictions = [
    ...[{ sub: 'u2' }, { client_id: 'another' }, { grant_id: 'another' }, { session_id: 'another' }],
    ...[{ jti: 'another' }, { token_use: 'refresh_token' }],
  ];
  for (const [n, other] of [{}, ...contradictions].entries()) {
    const names = { client_id, sub: 'u1', grant_id: `g${n}`, jti: `j${n}` };
    const signed = await issuer.sign({ ...names, sid: `sid${n}` });
    const reply = await register(signed, { ...names, session_id: `sid${n}`, ...other });
    t.is(reply.status, 201, reply.text);
    t.is(await app.isActive(signed), n === 0, JSON.stringify(other));
  }
  const forgedFirst = app.secret(forge(await issuer.sign({ client_id, n: 2 })));
  t.is((await register(forgedFirst, { sub: 'u1' })).status, 201);
  t.false(await app.isActive(forgedFirst), 'registered, and its signature is forged');
  await app.json('/logout', { refresh_token: token });
  t.false(await app.isActive(token));
});

testEachDatabase(
  'a refresh JWT shows itself to no resource server, and takes its grant with it',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    const client = await app.addClient();
    const claims = { client_id: client.client_id, grant_id: 'g1' };
    const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
    const access = await issuer.sign(claims);
    for (const marker of [{ token_use: 'refresh' }, { type: 'refresh' }, { typ: 'Refresh' }]) {
      const refresh = await issuer.sign({ ...claims, ...marker });
      t.is((await app.introspect(refresh)).token_use, 'refresh_token');
      t.is((await app.form('/introspect', { token: refresh }, resourceServer)).text, '{"active":false}');
    }
    await app.form('/revoke', { token: await issuer.sign({ ...claims, type: 'refresh' }) }, client);
    t.false(await app.isActive(access), 'it shares the grant');
  },
);

testEachDatabase('many simultaneous revocations of a JWT: exactly one answers revoked', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient();
  const token = await issuer.sign({ client_id: client.client_id });
  const replies = await Promise.all(Array.from({ length: 50 }, () => app.form('/revoke', { token }, client)));
  t.is(replies.filter(({ body }) => body.status === 'revoked').length, 1);
});

testEachDatabase('with the store failing a JWT is 503, never active', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient({ permissions: ['introspect:any'] });
  const token = await issuer.sign({ client_id: client.client_id });
  t.is((await app.form('/introspect', { token }, client)).body.active, true);
  app.store.fault = 'reads';
  t.is((await app.form('/introspect', { token }, client)).status, 503);
  t.is((await app.json('/logout', { refresh_token: token })).status, 503);
  app.store.fault = 'none';
  t.true(await app.isActive(token));
});
