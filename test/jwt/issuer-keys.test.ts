// The keys of issuers as they come and go: rotation, outage, answers that are no key set; and that nobody can
// make the server fetch often.
import { systemOrigin } from '../../src/domain/audit.ts';
import { markKeysStale } from '../../src/domain/records/manage-issuers.ts';
import type { TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { type Answer, newKey, TestIssuer } from '../helpers/issuer.ts';

async function statusesOf(app: TestApp, token: string): Promise<number[]> {
  const observer = await app.observer();
  return [
    (await app.form('/introspect', { token }, observer)).status,
    (await app.form('/revoke', { token }, observer)).status,
    (await app.json('/logout', { refresh_token: token })).status,
  ];
}

testEachDatabase('a new key is found without a restart, one fetch for many tokens', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  t.true(await app.isActive(await issuer.sign()));
  t.is(issuer.fetches, 1);
  app.advance(31);
  await issuer.rotate('k2');
  const tokens = await Promise.all([1, 2, 3, 4, 5].map((n) => issuer.sign({ n })));
  t.deepEqual(await Promise.all(tokens.map((token) => app.isActive(token))), [true, true, true, true, true]);
  t.is(issuer.fetches, 2);
});

testEachDatabase(
  'an unknown kid is an answer for ten seconds after a fetch, and 503 when keys cannot be fetched',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    const good = await issuer.sign();
    t.true(await app.isActive(good));
    await issuer.rotate('k2', { publish: false });
    const unknown = await issuer.sign();
    for (let n = 0; n < 5; n += 1) t.deepEqual(await statusesOf(app, unknown), [200, 200, 200]);
    app.advance(9);
    t.false(await app.isActive(unknown));
    t.is(issuer.fetches, 1, 'strangers cannot make us fetch');
    app.advance(2);
    issuer.answer = 'error';
    t.deepEqual(await statusesOf(app, unknown), [503, 503, 503]);
    const { headers } = await app.form('/introspect', { token: unknown }, await app.observer());
    t.is(headers['retry-after'], '10');
    t.is(issuer.fetches, 2, 'none within the cool-down');
    t.true(await app.isActive(good), 'keys at hand go on working');
    app.advance(11);
    issuer.answer = 'keys';
    t.false(await app.isActive(unknown));
    issuer.published.push(issuer.key.jwk);
    app.advance(31);
    t.true(await app.isActive(unknown));
  },
);

testEachDatabase(
  'a token signed with a key published a moment ago is ended, and never called unknown by those who end it',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    t.true(await app.isActive(await issuer.sign()));
    app.advance(2);
    await issuer.rotate('k2');
    const [first, second] = [await issuer.sign({ sid: 's1' }), await issuer.sign({ sid: 's2' })];
    t.false(await app.isActive(first), 'to look at it makes nobody fetch');
    t.is(issuer.fetches, 1);
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const revoked = await app.form('/revoke', { token: first }, operator);
    t.is(revoked.body.status, 'revoked');
    const loggedOut = await app.json('/logout', { refresh_token: second });
    t.is(loggedOut.body.data.status, 'logged_out');
    t.is(issuer.fetches, 2);
    app.advance(31);
    t.deepEqual([await app.isActive(first), await app.isActive(second)], [false, false]);
  },
);

testEachDatabase('while the issuer is down its keys work for 24 hours more', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  const token = await issuer.sign({ exp: app.seconds + 200_000 });
  t.true(await app.isActive(token));
  issuer.answer = 'error';
  app.advance(86_000);
  t.true(await app.isActive(token));
  app.advance(401);
  t.deepEqual(await statusesOf(app, token), [503, 503, 503]);
});

testEachDatabase('remembered claims are void when their key leaves the set', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  const token = await issuer.sign();
  t.true(await app.isActive(token));
  issuer.published.length = 0;
  await issuer.rotate('k1');
  t.true(await app.isActive(token), 'not yet noticed');
  app.advance(301);
  t.false(await app.isActive(token), 'the kid names another key now');
  t.true(await app.isActive(await issuer.sign({ n: 1 })));
});

testEachDatabase('keys fetched before the clock was set back count as old', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  t.true(await app.isActive(await issuer.sign()));
  app.advance(-50);
  issuer.published.length = 0;
  await issuer.rotate('k2');
  const token = await issuer.sign({ n: 1 });
  t.true(await app.isActive(token), 'its key was fetched at once');
  const { body } = await app.form('/revoke', { token }, await app.addClient({ permissions: ['revoke:any'] }));
  t.is(body.status, 'revoked');
  t.false(await app.isActive(token));
  const another = await issuer.sign({ n: 2 });
  t.true(await app.isActive(another));
  app.advance(-50);
  issuer.published.length = 0;
  await issuer.rotate('k3');
  t.false(await app.isActive(another), 'its key has left the set, in which nothing was missing');
});

testEachDatabase(
  'whoever ends a token is not told that it is unknown when its kid names a new key',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    const client = await app.addClient({ permissions: ['revoke:any'] });
    t.true(await app.isActive(await issuer.sign()));
    issuer.published.pop();
    await issuer.rotate('k1');
    const [one, two] = [await issuer.sign({ n: 1 }), await issuer.sign({ n: 2 })];
    app.advance(11);
    t.is((await app.form('/revoke', { token: one }, client)).body.status, 'revoked');
    t.true(await app.isActive(two));
  },
);

testEachDatabase('a key counts only once it can be found by its kid', async (t, app) => {
  const issuer = await TestIssuer.fetched(app, 'jwks_uri');
  t.teardown(() => issuer.stop());
  const operator = await app.addClient({ permissions: ['revoke:any'] });
  const order = {
    target: { kind: 'key', issuer: issuer.name, kid: 'k1' },
    reason: 'key_compromise',
    dry_run: true,
  };
  t.true(await app.isActive(await issuer.sign()));
  t.is((await app.json('/v1/revocations', order, operator)).status, 200);
});

for (const [alg, member] of [
  ['RS256', 'n'],
  ['ES256', 'x'],
] as const) {
  testEachDatabase(
    `a revoked key stays revoked however its ${member} is written (${alg})`,
    async (t, app) => {
      const issuer = await TestIssuer.fetched(app, 'jwks_uri');
      t.teardown(() => issuer.stop());
      issuer.key = await newKey(alg, 'k1');
      issuer.published.splice(0, 1, issuer.key.jwk);
      const token = await issuer.sign();
      t.true(await app.isActive(token));
      const order = {
        target: { kind: 'key', issuer: issuer.name, kid: 'k1' },
        reason: 'key_compromise',
        confirm: 'k1',
      };
      t.is(
        (await app.json('/v1/revocations', order, await app.addClient({ permissions: ['revoke:any'] })))
          .status,
        201,
      );
      t.false(await app.isActive(token));
      const bytes = Buffer.from(issuer.key.jwk[member] as string, 'base64url');
      const padded = Buffer.concat([Buffer.of(0), bytes]).toString('base64url');
      issuer.published.splice(0, 1, { ...issuer.key.jwk, [member]: padded });
      app.advance(400);
      t.false(await app.isActive(token));
      t.is(issuer.fetches, 2);
    },
  );
}

testEachDatabase('an administrator has keys fetched at once', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  const token = await issuer.sign();
  t.true(await app.isActive(token));
  issuer.published.length = 0;
  await issuer.rotate('k2');
  app.advance(11);
  await markKeysStale(app.store, systemOrigin, issuer.name);
  // The server learns of it within a second, as it reads the issuer again; the clock of its keys stands still.
  await eventually(async () => ((await app.isActive(token)) ? undefined : true));
});

testEachDatabase(
  'a key of an inline set can be revoked by its kid before any token was seen',
  async (t, app) => {
    const operator = await app.addClient({ permissions: ['revoke:any', 'admin'] });
    const { jwk } = await newKey('ES256', 'leaked');
    const issuer = 'https://id.example';
    t.is((await app.json('/v1/issuers', { issuer, jwks: { keys: [jwk] } }, operator)).status, 201);
    const order = { target: { kind: 'key', issuer, kid: 'leaked' }, reason: 'key_compromise', dry_run: true };
    t.is((await app.json('/v1/revocations', order, operator)).status, 200);
    t.is((await app.events('issuer_key_seen')).length, 1);
  },
);

for (const answer of ['error', 'html', 'redirect', 'endless'] satisfies Answer[]) {
  testEachDatabase(`a key address that answers ${answer} is 503 at all three endpoints`, async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    issuer.answer = answer;
    t.deepEqual(await statusesOf(app, await issuer.sign()), [503, 503, 503]);
    t.is(issuer.fetches, 1);
  });
}

testEachDatabase('keys that must not be used are passed over', async (t, app) => {
  const issuer = await TestIssuer.fetched(app, 'jwks_uri');
  t.teardown(() => issuer.stop());
  const [first, second, weak, secret, encryption] = await Promise.all([
    newKey('ES256', 'twin'),
    newKey('ES256', 'twin'),
    newKey('RS256', 'use'),
    newKey('ES256', 'ops'),
    newKey('ES256', 'enc'),
  ]);
  issuer.published.push(
    first.jwk,
    second.jwk,
    { ...weak.jwk, use: 'enc' },
    { ...secret.jwk, d: 'AAAA' },
    { ...encryption.jwk, key_ops: ['encrypt'] },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'oct', alg: 'HS256' },
    { kty: 'EC', kid: 'broken', crv: 'P-256', x: 'A', y: 'A' },
    5 as never,
  );
  for (const key of [first, second]) t.true(await app.isActive(await issuer.signAs({}, {}, key)));
  for (const key of [weak, secret, encryption]) t.false(await app.isActive(await issuer.signAs({}, {}, key)));
});

testEachDatabase('a set of 10,000 keys is refused', async (t, app) => {
  const issuer = await TestIssuer.fetched(app, 'jwks_uri');
  t.teardown(() => issuer.stop());
  for (let n = 0; n < 10_000; n += 1) issuer.published.push({ kty: 'EC' });
  t.deepEqual(await statusesOf(app, await issuer.sign()), [503, 503, 503]);
});
