// What is read off a JWT of a trusted issuer, which JWTs are no tokens, and what stands in for claims that are
// missing.
import { api } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKey, TestIssuer } from '../../helpers/issuer.ts';
import { activity } from '../../helpers/logins.ts';
import type { TestClient } from '../../helpers/requests.ts';

const invalid = { status: 'already_inactive', reason: 'token_not_found' };

testEachDatabase('POST /introspect shows of a JWT only the members that are well-formed', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const good = {
    scope: 'a b',
    authorization_details: [{ type: 'payment', amount: 12.5 }],
    acr: 'mfa',
    username: 'Al',
  };
  t.like(await app.introspect(await issuer.sign(good)), good);
  for (const scope of ['a  b', ' a b ', ['a', ' ', 'b']])
    t.is((await app.introspect(await issuer.sign({ scope }))).scope, 'a b', 'spaces left over');
  const malformed: Record<string, unknown[]> = {
    scope: ['', ' ', 'a "b', 'a\\', 'é', 5, ['a', 'é'], []],
    authorization_details: [
      [{}],
      [{ type: '' }],
      [{ type: 'a' }, 'b'],
      {},
      'payment',
      [{ type: 'payment', amount: 2 ** 60 }],
    ],
    acr: ['', 'a\nb', 5],
    username: ['', 5],
    auth_time: [-1, 1e300, '5'],
    nbf: [-5],
  };
  for (const [name, values] of Object.entries(malformed)) {
    for (const value of values) {
      const answer = await app.introspect(await issuer.sign({ ...good, [name]: value }));
      t.true(answer.active, name);
      t.false(name in answer, `${name}: ${JSON.stringify(value)}`);
    }
  }
  const unbound = await issuer.sign({ cnf: {} });
  t.false(await app.isActive(unbound), 'a binding that names no key is not taken for none');
});

testEachDatabase('POST /introspect shows a JWT as it was signed, however much that is', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const many = Array.from({ length: 150 }, (_, n) => n);
  for (const claims of [
    { client_id: 'Café' },
    { aud: many.map((n) => `https://${n}.example`) },
    { authorization_details: many.map(() => ({ type: 'payment' })) },
    { scope: many.map((n) => `a-scope-of-many-characters-as-clouds-have-them:${n}`).join(' ') },
  ])
    t.like(await app.introspect(await issuer.sign(claims)), { active: true, ...claims });
});

testEachDatabase('a JWT with an empty list of audiences has none', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { default_audience: api });
  const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
  const { body } = await app.form('/introspect', { token: await issuer.sign({ aud: [] }) }, resourceServer);
  t.true(body.active);
  t.false('aud' in body);
});

testEachDatabase('a registered JWT shows the end and the beginning that count', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const { client_id } = await app.addClient();
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const { seconds } = app;
  const token = await issuer.sign({ client_id, nbf: seconds - 60, exp: seconds + 4000 });
  const members = { token, client_id, iss: issuer.name, exp: seconds + 600, nbf: seconds - 30 };
  t.is((await app.json('/v1/tokens', app.registration(members), registrar)).status, 201);
  t.like(await app.introspect(token), { active: true, exp: seconds + 600, nbf: seconds - 30 });
});

testEachDatabase(
  'a registered JWT counts from the later beginning to the earlier end, and as issued at the earlier time',
  async (t, app) => {
    const issuer = await TestIssuer.inline(app);
    const { client_id } = await app.addClient();
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const { seconds } = app;
    const register = async (signed: object, registered: object) => {
      const token = await issuer.sign({ client_id, ...signed });
      const members = { token, client_id, iss: issuer.name, ...registered };
      t.is((await app.json('/v1/tokens', app.registration(members), registrar)).status, 201);
      return token;
    };
    const [early, late] = [
      { nbf: seconds + 10, exp: seconds + 600 },
      { nbf: seconds + 30, exp: seconds + 900 },
    ];
    const tokens = [await register(early, late), await register(late, early)];
    const activeAt: boolean[][] = [];
    for (const at of [29, 30, 599, 600]) {
      app.clock.now = (seconds + at) * 1000;
      activeAt.push(await activity(app, tokens));
    }
    t.deepEqual(activeAt, [
      [false, false],
      [true, true],
      [true, true],
      [false, false],
    ]);

    const [before, after] = [{ iat: seconds - 100 }, { iat: seconds - 10 }];
    const dated = [await register(before, after), await register(after, before)];
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const target = { kind: 'subject', sub: 'u1', issuer: issuer.name };
    const cutoff = new Date((seconds - 50) * 1000).toISOString();
    const order = { target, reason: 'admin', cutoff };
    t.is((await app.json('/v1/revocations', order, operator)).status, 201);
    t.deepEqual(await activity(app, dated), [false, false]);
  },
);

testEachDatabase('JWTs of other kinds, algorithms and audiences are no tokens', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { audiences: [api] });
  const { client_id } = await app.addClient();
  const good = { client_id };
  const profile = { ...good, jti: 'j' };
  t.true(await app.isActive(await issuer.sign(good)));
  t.true(await app.isActive(await issuer.sign(profile, { typ: 'application/AT+JWT' })));
  const key = await newKey('ES256', 'k1');
  const refused: [string, Promise<string>][] = [
    ...['iss', 'exp', 'iat', 'aud', 'sub', 'client_id', 'jti'].flatMap((claim) =>
      [null, '', []].map((value): [string, Promise<string>] => [
        `at+jwt with ${claim} ${JSON.stringify(value)}`,
        issuer.sign({ ...good, jti: 'j1', [claim]: value }, { typ: 'at+jwt' }),
      ]),
    ),
    ...['exp', 'iat', 'nbf'].map((claim): [string, Promise<string>] => [
      `${claim} null`,
      issuer.sign({ ...good, [claim]: null }),
    ]),
    ['at+jwt without jti', issuer.sign(good, { typ: 'at+jwt' })],
    ['logout token', issuer.sign(good, { typ: 'logout+jwt' })],
    ['introspection answer', issuer.sign(profile, { typ: 'token-introspection+jwt' })],
    ['event token', issuer.sign({ ...good, events: {} }, { typ: 'secevent+jwt' })],
    ['ID token', issuer.sign({ ...good, nonce: 'n' })],
    ['ID token by claim', issuer.sign({ ...good, typ: 'ID' })],
    ['unknown typ', issuer.sign(good, { typ: 'x+jwt' })],
    ['typ that is no string', issuer.sign(good, { typ: 5 })],
    ['wrong audience', issuer.sign({ ...good, aud: 'https://other' })],
    ['no audience', issuer.sign({ ...good, aud: undefined })],
    ['another key of this kid', issuer.signAs(good, {}, key)],
    ['unknown kid', issuer.sign(good, { kid: 'k2' })],
    ['kid that is SQL', issuer.sign(good, { kid: "' or 1=1 --" })],
    ['kid that is long', issuer.sign(good, { kid: 'k'.repeat(9000) })],
    ['kid that is no string', issuer.sign(good, { kid: 7 })],
    ['compressed', issuer.sign(good, { zip: 'DEF' })],
    ['nested', issuer.sign(good, { cty: 'JWT' })],
    ['nested, as a media type', issuer.sign(good, { cty: 'application/jwt' })],
  ];
  t.true(await app.isActive(await issuer.sign(good, { cty: 'json' })), 'of any other content');
  for (const [what, token] of refused) t.false(await app.isActive(await token), what);
});

testEachDatabase('claims of the wrong type make a JWT unknown, never an error', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient();
  const { client_id } = client;
  let deep: unknown = 1;
  for (let n = 0; n < 2000; n += 1) deep = [deep];
  const strange: [string, Record<string, unknown>][] = [
    ['exp as string', { exp: String(app.seconds + 60) }],
    ['exp as object', { exp: {} }],
    ['iat as string', { iat: 'now' }],
    ['nbf as array', { nbf: [] }],
    ['aud as number', { aud: 5 }],
    ['aud with an object', { aud: [api, {}] }],
    ['sub as object', { sub: {} }],
    ['sub as fraction', { sub: 1.5 }],
    ['sub beyond exact integers', { sub: 2 ** 60 }],
    ['sub with NUL', { sub: 'a\0b' }],
    ['sub of 300 characters', { sub: 'u'.repeat(300) }],
    ['sid as array', { sid: [] }],
    ['deep nesting', { deep }],
  ];
  for (const [what, claims] of strange) {
    const token = await issuer.sign({ client_id, ...claims });
    t.false(await app.isActive(token), what);
    t.deepEqual((await app.form('/revoke', { token }, client)).body, invalid, what);
  }
  const odd: [string, Record<string, unknown>, boolean][] = [
    ['exp in the year 9999', { exp: 253_402_300_799 }, true],
    ['exp as fraction', { exp: app.seconds + 1.5 }, true],
    ['no exp', { exp: undefined }, true],
    ['neither iat nor exp', { exp: undefined, iat: undefined }, false],
    ['iat in milliseconds', { iat: app.clock.now, exp: app.clock.now + 1e6 }, false],
    ['iat 59 seconds ahead', { iat: app.seconds + 59 }, true],
    ['iat 62 seconds ahead', { iat: app.seconds + 62 }, false],
    ['no aud', { aud: undefined }, true],
    ['empty sub', { sub: '' }, true],
    ['prototype', { __proto__: null, constructor: 5, toString: 'x' }, true],
    ['type as object', { type: { toString: 1, valueOf: 1 } }, true],
    ['typ as object', { typ: { toString: 1, valueOf: 1 } }, true],
    ['token_use as a list', { token_use: ['refresh'] }, true],
  ];
  for (const [what, claims, active] of odd) {
    const token = await issuer.sign({ client_id, ...claims });
    t.is(await app.isActive(token), active, what);
    t.is((await app.form('/revoke', { token }, client)).status, 200, what);
    t.false(await app.isActive(token), what);
  }
});

testEachDatabase('what only looks like a JWT is unknown', async (t, app) => {
  const issuer = await TestIssuer.inline(app);
  const client = await app.addClient();
  const token = await issuer.sign({ client_id: client.client_id });
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const withHeader = (value: unknown) => `${encode(value)}.${payload}.${signature}`;
  const broken = [
    `${token}.`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.${signature}.${signature}`,
    `${token}=`,
    `${header}..${signature}`,
    `${header}.${encode([])}.${signature}`,
    `${header}.${Buffer.from('{"iss"').toString('base64url')}.${signature}`,
    `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`,
    withHeader({ alg: 'none' }),
    `${encode({ alg: 'none' })}.${payload}.`,
    withHeader({ alg: 'HS256', kid: 'k1' }),
    withHeader({ alg: 'ES256', kid: 'k1', crit: ['b64'], b64: false }),
    withHeader({ alg: ['ES256'] }),
    withHeader({ alg: 'ES256', jwk: issuer.key.jwk }),
    withHeader(null),
    `${' '.repeat(3)}${token}`,
  ];
  for (const text of broken) {
    t.is(
      (await app.form('/introspect', { token: text }, await app.observer())).text,
      '{"active":false}',
      text,
    );
    t.deepEqual((await app.form('/revoke', { token: text }, client)).body, invalid, text);
    const { body } = await app.json('/logout', { refresh_token: text });
    t.is(body.data.reason, 'token_not_found', text);
  }
  t.true(await app.isActive(token));
});

testEachDatabase('default_audience stands in for opaque tokens of the issuer, too', async (t, app) => {
  const issuer = await TestIssuer.inline(app, { default_audience: api });
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
  const [server, stranger] = [
    await app.addClient({ permissions: ['introspect'], audiences: [api] }),
    await app.addClient({ permissions: ['introspect'], audiences: ['https://other.example'] }),
  ];
  const [token, named] = [app.newToken(), app.newToken()];
  for (const item of [{ token }, { token: named, aud: 'https://other.example' }]) {
    const { aud: _, ...without } = app.registration({ client_id: 'c1', iss: issuer.name });
    t.is((await app.json('/v1/tokens', { ...without, ...item }, registrar)).status, 201);
  }
  const sees = async (client: TestClient) => {
    const answers = [token, named].map((one) => app.form('/introspect', { token: one }, client));
    return (await Promise.all(answers)).map(({ body }) => body.active);
  };
  t.deepEqual(await sees(server), [true, false]);
  t.deepEqual(await sees(stranger), [false, true]);
});

testEachDatabase('default_client and default_audience stand in where a JWT names none', async (t, app) => {
  const client = await app.addClient();
  const fields = { default_client: client.client_id, default_audience: api, audiences: [api] };
  const issuer = await TestIssuer.inline(app, fields);
  const resourceServer = await app.addClient({ permissions: ['introspect'], audiences: [api] });
  const token = await issuer.sign({ aud: undefined });
  const { body } = await app.form('/introspect', { token }, resourceServer);
  t.is(body.client_id, client.client_id);
  t.is(body.aud, undefined, 'shown as signed');
  t.is((await app.form('/revoke', { token }, client)).body.status, 'revoked');
});
