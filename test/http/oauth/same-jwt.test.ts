// One JWT, however it is named and however its signature is written: what its registration says, and what was
// revoked of it, holds for all its spellings.
import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import type { TestApp } from '../../helpers/app.ts';
import { wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import { purgeNow } from '../../helpers/purging.ts';

const hour = 3600;
const day = 24 * hour;
const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same bytes, with another last digit: of the last one four bits are spare. */
function withSpareBits(token: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return token.slice(0, -1) + digits[digits.indexOf(token.slice(-1)) ^ 1];
}

/** ECDSA: the other s. */
function withSecondSignature(token: string): string {
  const [header, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = orderOfP256 - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const second = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  return [header, payload, second.toString('base64url')].join('.');
}

const spellings = { 'spare bits': withSpareBits, 'the second signature': withSecondSignature };

async function trusted(app: TestApp, fields: Record<string, unknown> = {}) {
  const issuer = await TestIssuer.inline(app, fields);
  const client = await app.addClient();
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const register = (members: Record<string, unknown>) =>
    app.json(
      '/v1/tokens',
      app.registration({ client_id: client.client_id, iss: issuer.name, ...members }),
      registrar,
    );
  const revoke = (target: object, confirm?: string) =>
    app.json('/v1/revocations', { target, reason: 'admin', confirm }, operator);
  return { issuer, client, register, revoke };
}

testEachDatabase(
  'of registrations of one JWT by several strings the first counts, also of the same instant',
  async (t, app) => {
    const { issuer } = await trusted(app);
    const token = await issuer.sign({ client_id: 'c', token_use: 'refresh' });
    const permissions = ['register', 'introspect'] as const;
    const sees: unknown[] = [];
    for (const spelling of [
      token,
      app.secret(withSpareBits(token)),
      app.secret(withSecondSignature(token)),
    ]) {
      const registrar = await app.addClient({ permissions, issuers: [issuer.name] });
      const members = { token: spelling, client_id: 'c', iss: issuer.name, token_use: 'refresh_token' };
      t.true((await app.json('/v1/tokens', app.registration(members), registrar)).body.active);
      sees.push((await app.form('/introspect', { token }, registrar)).body.active);
    }
    t.deepEqual(sees, [true, false, false]);
  },
);

for (const [how, respell] of Object.entries(spellings)) {
  testEachDatabase(
    `a registered JWT keeps what was registered of it, written with ${how}`,
    async (t, app) => {
      const { issuer, client, register, revoke } = await trusted(app);
      const of = { client_id: client.client_id };
      const sign = async (n: number, claims: object = {}) => {
        const token = await issuer.sign({ ...of, n, ...claims });
        return [token, app.secret(respell(token))] as const;
      };
      const [inSession, inSessionRespelt] = await sign(1);
      await register({ token: inSession, sub: 'u1', session_id: 's1' });
      t.is((await app.introspect(inSessionRespelt)).sid, 's1');
      await revoke({ kind: 'session', issuer: issuer.name, session_id: 's1' });
      t.deepEqual([await app.isActive(inSession), await app.isActive(inSessionRespelt)], [false, false]);

      const [short, shortRespelt] = await sign(2);
      await register({ token: short, exp: app.seconds + 60 });
      app.advance(61);
      t.deepEqual([await app.isActive(short), await app.isActive(shortRespelt)], [false, false]);

      const [refresh, refreshRespelt] = await sign(3, { token_use: 'refresh' });
      await register({ token: refresh, token_use: 'refresh_token', grant_id: 'g1' });
      const [access] = await sign(4, { grant_id: 'g1' });
      t.true(await app.isActive(access));
      t.is((await app.form('/revoke', { token: refreshRespelt }, client)).body.status, 'revoked');
      t.false(await app.isActive(access), 'its grant is known by the registration');

      const [old, oldRespelt] = await sign(5, { token_use: 'refresh' });
      await register({ token: old, token_use: 'refresh_token', grant_id: 'g2' });
      const next = { token_use: 'refresh_token', grant_id: 'g2' };
      t.is((await register({ ...next, token: (await sign(6))[0], replaces: old })).status, 201);
      const reused = await register({ ...next, token: (await sign(7))[0], replaces: oldRespelt });
      t.is(reused.body.code, 'refresh_token_reuse');
      const [forged] = await sign(9, { token_use: 'refresh' });
      await register({ token: forged, token_use: 'refresh_token', grant_id: 'g3' });
      const unsigned = app.secret(`${forged.slice(0, forged.lastIndexOf('.'))}.AAAA`);
      const stolen = await register({
        ...next,
        grant_id: 'g3',
        token: (await sign(10))[0],
        replaces: unsigned,
      });
      t.is(stolen.body.code, 'rotation_conflict', 'a signature that does not hold');

      const [twice, twiceRespelt] = await sign(8);
      t.is((await register({ token: twice, session_id: 's8' })).status, 201);
      t.is((await register({ token: twiceRespelt, session_id: 's9' })).body.code, 'claims_conflict');
      t.is((await register({ token: twiceRespelt, session_id: 's8' })).body.status, 'already_registered');
    },
  );
}

testEachDatabase(
  'POST /v1/tokens says of a registered JWT that is written in another way what introspection says',
  async (t, app) => {
    const { issuer, register, revoke } = await trusted(app, { default_client: 'everybody' });
    const token = await issuer.sign();
    const said = { iat: app.seconds, exp: app.seconds + hour };
    t.like((await register({ ...said, token })).body, { status: 'registered', active: true });
    // As long as it was not registered it was of the default client, which is ended only now.
    app.advance(1);
    const target = { kind: 'client', issuer: issuer.name, client_id: 'everybody' };
    t.is((await revoke(target, 'everybody')).status, 201);
    t.true(await app.isActive(token));
    app.advance(1);
    const respelt = app.secret(withSpareBits(token));
    const both = [respelt, app.secret(withSecondSignature(token))];
    const items = both.map((each) => ({ ...said, token: each }));
    for (const each of [items[0], items[0], items[1]])
      t.like((await register({ ...each })).body, { status: 'already_registered', active: true });
    for (const each of [token, ...both]) t.true(await app.isActive(each));
  },
);

testEachDatabase('a JWT is dead by whatever digest of it was revoked', async (t, app) => {
  const { issuer, client, register, revoke } = await trusted(app);
  const sign = (n: number) => issuer.sign({ client_id: client.client_id, n });
  const [byString, bySigningInput, byToken] = [await sign(1), await sign(2), await sign(3)];
  const signingInput = bySigningInput.split('.').slice(0, 2).join('.');
  t.is((await revoke({ kind: 'token', token_digest: wireDigestOf(byString) })).status, 201);
  t.false(await app.isActive(byString));
  t.is((await revoke({ kind: 'token', token_digest: wireDigestOf(signingInput) })).status, 201);
  t.false(await app.isActive(bySigningInput));
  t.false(await app.isActive(app.secret(withSpareBits(bySigningInput))));
  // Registered by digest alone it contradicts its signature; when it is revoked, it is revoked as signed.
  t.is((await register({ token_digest: wireDigestOf(byToken) })).status, 201);
  t.is((await revoke({ kind: 'token', token: byToken })).status, 201);
  t.false(await app.isActive(app.secret(withSpareBits(byToken))));
});

testEachDatabase(
  'a JWT that its registration contradicts is ended as signed, and stays so without the registration',
  async (t, app) => {
    const { issuer, client } = await trusted(app);
    const stranger = await app.addClient({ permissions: ['register'] });
    const [revoked, loggedOut] = [
      await issuer.sign({ client_id: client.client_id, n: 1 }),
      await issuer.sign({ client_id: client.client_id, n: 2 }),
    ];
    const [iat, exp] = [app.seconds - 9000, app.seconds - 8000];
    for (const token of [revoked, loggedOut]) {
      const token_digest = wireDigestOf(token);
      const item = app.registration({ client_id: 'c1', token_digest, iat, exp });
      t.is((await app.json('/v1/tokens', item, stranger)).status, 201);
      t.false(await app.isActive(token));
    }
    t.is((await app.form('/revoke', { token: revoked }, client)).body.status, 'revoked');
    t.is((await app.json('/logout', { refresh_token: loggedOut })).body.data.status, 'logged_out');
    await purgeNow(app);
    const other = await app.another();
    for (const token of [revoked, loggedOut]) t.false(await other.isActive(token));
    t.is((await app.form('/revoke', { token: revoked }, client)).body.reason, 'token_already_revoked');
    await other.stop();
  },
);

testEachDatabase('a JWT without iat that an operator revoked stays revoked to its exp', async (t, app) => {
  const { issuer, client, revoke } = await trusted(app);
  const token = await issuer.sign({
    client_id: client.client_id,
    iat: undefined,
    exp: app.seconds + 1000 * day,
  });
  t.is((await revoke({ kind: 'token', token })).status, 201);
  app.advance(402 * day);
  await purgeNow(app);
  app.advance(300 * day);
  t.false(await app.isActive(token));
});

testEachDatabase(
  "a JWT that turns out to be another client's while /revoke waits is refused",
  async (t, app) => {
    const owner = await app.addClient();
    const caller = await app.addClient();
    const issuer = await TestIssuer.inline(app, { default_client: caller.client_id });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const token = await issuer.sign({ client_id: undefined });
    t.true(await app.isActive(token));
    app.store.hold([], ['vouched'], { vouched: 10, bulk: 10, unvouched: 10 });
    const ending = app.form('/revoke', { token }, caller);
    await app.store.untilHeld(1);
    const registration = app.registration({ client_id: owner.client_id, iss: issuer.name, token });
    t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
    app.store.release();
    const { status, body } = await ending;
    t.is(status, 400);
    t.is(body.error, 'invalid_grant');
    t.true(await app.isActive(token));
  },
);

for (const [way, line] of [
  ['/revoke', 'vouched'],
  ['/logout', 'unvouched'],
] as const) {
  testEachDatabase(`a JWT that is registered while ${way} waits takes its grant with it`, async (t, app) => {
    const { issuer, client, register } = await trusted(app);
    const of = { client_id: client.client_id, sub: 'u1' };
    const token = await issuer.sign({ ...of, token_use: 'refresh' });
    t.true(await app.isActive(token));
    app.store.hold([], [line], { vouched: 10, bulk: 10, unvouched: 10 });
    const ending =
      way === '/revoke'
        ? app.form('/revoke', { token }, client)
        : app.json('/logout', { refresh_token: token });
    await app.store.untilHeld(1);
    const grant = { ...of, grant_id: 'g1', token_use: 'refresh_token' };
    t.is((await register({ ...grant, token })).status, 201);
    const other = app.secret(randomBytes(32).toString('base64url'));
    t.is((await register({ ...grant, token: other })).status, 201);
    app.store.release();
    t.is((await ending).status, 200);
    t.false(await app.isActive(token));
    t.false(await app.isActive(other), 'a token of the same grant');
  });
}

testEachDatabase(
  'a registered JWT that a logout of the others ended stays dead when its issuer becomes trusted',
  async (t, app) => {
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const { client_id } = await app.addClient({ logoutScope: 'all' });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const register = async (members: Record<string, unknown>) => {
      const registration = app.registration({ client_id, sub: 'u1', iss: issuer.name, ...members });
      t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
      return registration.token as string;
    };
    const own = await register({ token: app.newToken(), session_id: 's1' });
    const signed = await issuer.sign({ client_id, sid: 's1' });
    const { exp, iat } = JSON.parse(Buffer.from(signed.split('.')[1] as string, 'base64url').toString());
    const token = await register({ token: signed, exp, iat });
    t.true(await app.isActive(token));
    const out = await app.json('/logout', { scope: 'others' }, `Bearer ${own}`);
    t.is(out.body.data.scope, 'others');
    t.deepEqual([await app.isActive(own), await app.isActive(token)], [true, false]);
    const admin = await app.addClient({ permissions: ['admin'] });
    const record = { issuer: issuer.name, jwks: { keys: [issuer.key.jwk] } };
    t.is((await app.json('/v1/issuers', record, admin)).status, 201);
    t.deepEqual([await app.isActive(own), await app.isActive(token)], [true, false]);

    const later = await issuer.sign({ client_id, sid: 's1', iat: iat - 1 });
    t.true(await app.isActive(later), 'what was never judged without its signature is spared');
  },
);

testEachDatabase(
  'a JWT that was dead as signed is not brought back by what it is registered with, by its digests',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any', 'audit'], logoutScope: 'all' });
    const { client_id } = client;
    const issuer = await TestIssuer.inline(app, { default_client: client_id });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const register = async (token: string, members: object) => {
      const digests = {
        token_digest: wireDigestOf(token),
        signing_input_digest: wireDigestOf(token.slice(0, token.lastIndexOf('.'))),
      };
      const { token: _, ...said } = app.registration({ client_id, sub: 'u1', iss: issuer.name, ...members });
      t.is((await app.json('/v1/tokens', { ...said, ...digests }, registrar)).status, 201);
      app.clock.now += 1;
    };
    const own = await issuer.sign({ sid: 's1' });
    const iat = app.seconds - 60;
    const sign = (n: number) => issuer.sign({ iat, n });
    const [early, late, ofClient] = [await sign(1), await sign(2), await sign(3)];
    const endOthers = async () => {
      const out = await app.json('/logout', { scope: 'others' }, `Bearer ${own}`);
      t.is(out.body.data.scope, 'others');
      app.clock.now += 1;
    };
    const areActive = (...tokens: string[]) => Promise.all(tokens.map((token) => app.isActive(token)));

    await register(early, { session_id: 's1', iat });
    await endOthers();
    t.deepEqual(await areActive(early, late), [true, false], 'the session was known of one of them');
    await register(late, { session_id: 's1', iat });
    t.deepEqual(await areActive(early, late), [true, false]);
    // Takes the place of the row before, and is later than the registration.
    await endOthers();
    t.deepEqual(await areActive(early, late), [true, false]);
    const why = await app.json('/v1/tokens/explain', { token: late }, client);
    t.deepEqual([why.body.cause, why.body.first_cause?.seq], ['revoked', 1]);
    t.is((await app.form('/revoke', { token: late }, client)).body.reason, 'token_already_revoked');

    const target = { kind: 'client', client_id, issuer: issuer.name };
    const cutoff = new Date(iat * 1000).toISOString();
    await app.json('/v1/revocations', { target, cutoff, reason: 'admin', confirm: client_id }, client);
    t.deepEqual(await areActive(own, ofClient), [true, false]);
    await register(ofClient, { client_id: 'another', session_id: 's1', iat });
    t.deepEqual(await areActive(own, ofClient), [true, false]);
  },
);

testEachDatabase(
  'a JWT that is said to be dead for what its signature shows is dead where its issuer is not known yet',
  async (t, app) => {
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const client = await app.addClient({ permissions: ['revoke:any', 'audit'] });
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const thumbprint = await calculateJwkThumbprint(issuer.key.jwk);
    const target = { kind: 'key', thumbprint, issuer: issuer.name };
    const order = { target, reason: 'key_compromise', confirm: thumbprint };
    t.is((await app.json('/v1/revocations', order, client)).status, 201);
    const register = async (jti: string) => {
      const token = await issuer.sign({ client_id: client.client_id, jti });
      const registration = app.registration({ client_id: client.client_id, iss: issuer.name, jti, token });
      t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
      return token;
    };
    const [revoked, loggedOut] = [await register('1'), await register('2')];
    const trusting = await app.another();
    t.true(await app.isActive(revoked), 'its registration does not say which key signed it');
    await issuer.trust();
    const revocation = await trusting.form('/revoke', { token: revoked }, client);
    t.is(revocation.body.reason, 'token_already_revoked');
    const logout = await trusting.json('/logout', {}, `Bearer ${loggedOut}`);
    t.is(logout.body.data.reason, 'token_already_revoked');
    // For a second, this server remembers that it does not know the issuer.
    t.deepEqual([await app.isActive(revoked), await app.isActive(loggedOut)], [false, false]);
    t.is((await app.get('/v1/revocations?kind=token', client)).body.items.length, 2);
  },
);

testEachDatabase(
  'a JWT that is registered by its string alone and was revoked stays dead when its issuer becomes trusted',
  async (t, app) => {
    const issuer = await TestIssuer.unknown(app, 'https://id.example');
    const client = await app.addClient({ permissions: ['audit'] });
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const token = await issuer.sign({ client_id, exp: app.seconds + day });
    const token_digest = wireDigestOf(token);
    const registration = app.registration({ client_id, sub: 'u1', iss: issuer.name, token_digest });
    const { status, body } = await app.json('/v1/tokens', registration, registrar);
    t.is(status, 201);
    t.true(await app.isActive(token));
    t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
    t.is((await app.form('/revoke', { token }, client)).body.reason, 'token_already_revoked');
    t.is((await app.events('revoke'))[0]?.tokenRef, body.token_ref);

    await issuer.trust();
    // This server remembers for a second that the issuer was not trusted.
    const trusting = await app.another();
    const respelt = app.secret(withSecondSignature(token));
    const areActive = async () => [await trusting.isActive(token), await trusting.isActive(respelt)];
    t.deepEqual(await areActive(), [false, false]);
    app.advance(3 * hour);
    await purgeNow(app);
    t.deepEqual(await areActive(), [false, false]);
    const why = await trusting.json('/v1/tokens/explain', { token: respelt }, client);
    t.is(why.body.cause, 'revoked');
  },
);

for (const way of ['/revoke', '/logout'])
  testEachDatabase(
    `a JWT that is registered by its string alone and had expired by that at ${way} stays dead when its issuer becomes trusted`,
    async (t, app) => {
      const issuer = await TestIssuer.unknown(app, 'https://id.example');
      const client = await app.addClient();
      const { client_id } = client;
      const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
      const token = await issuer.sign({ client_id, exp: app.seconds + day });
      const token_digest = wireDigestOf(token);
      const registration = app.registration({ client_id, sub: 'u1', iss: issuer.name, token_digest });
      t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
      app.advance(hour);
      const ended =
        way === '/revoke'
          ? await app.form(way, { token }, client)
          : await app.json(way, { refresh_token: token });
      t.regex(ended.text, /"token_expired"/);

      await issuer.trust();
      const trusting = await app.another();
      t.false(await trusting.isActive(token));
      app.advance(2 * hour);
      await purgeNow(app);
      t.false(await trusting.isActive(token));
    },
  );
