// POST /introspect/batch: many tokens in one round trip, each answered as /introspect would answer it alone.
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { api, TestApp } from '../../helpers/app.ts';
import { canary } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

const path = '/introspect/batch';
const inactive = '{"active":false}';

/** Tokens of every kind and fate by name, opaque ones and JWTs. */
async function makeTokens(app: TestApp, owner: TestClient): Promise<Record<string, string>> {
  const { client_id } = owner;
  const issuer = await TestIssuer.inline(app);
  const register = (members: object = {}) => app.register({ client_id, ...members });
  const tokens = {
    live: await register({ sub: 'u1', session_id: 's1', scope: 'read', aud: ['x', api] }),
    expired: await register({ iat: app.seconds - 100, exp: app.seconds }),
    revoked: await register(),
    'for another audience': await register({ aud: 'https://other' }),
    refresh: await register({ token_use: 'refresh_token' }),
    superseded: await register({ token_use: 'refresh_token' }),
    unknown: app.newToken(),
    'no token at all': 'é\u0000',
    'too long': 'x'.repeat(16_385),
    JWT: await issuer.sign({ client_id, jti: 'j1' }),
    'JWT for another audience': await issuer.sign({ client_id, aud: 'https://other' }),
    'expired JWT': await issuer.sign({ client_id, exp: app.seconds }),
    'revoked JWT': await issuer.sign({ client_id, jti: 'j2' }),
    'JWT of nobody': `${(await issuer.sign()).split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`,
  };
  await register({ token_use: 'refresh_token', replaces: tokens.superseded });
  for (const token of [tokens.revoked, tokens['revoked JWT']]) await app.form('/revoke', { token }, owner);
  return tokens;
}

testEachDatabase(
  'POST /introspect/batch gives for every token what /introspect gives, byte for byte and in order',
  async (t, app) => {
    const owner = await app.addClient({ permissions: ['introspect'] });
    const tokens = await makeTokens(app, owner);
    const callers: Record<string, TestClient> = {
      owner,
      'resource server': await app.addClient({
        permissions: ['introspect'],
        audiences: [api],
        cacheMaxAge: 30,
      }),
      stranger: await app.addClient({ permissions: ['introspect'], audiences: ['https://nowhere'] }),
      observer: await app.observer(),
    };
    const alone = new Map<string, string>();
    let live = 0;
    for (const [who, caller] of Object.entries(callers)) {
      for (const [what, token] of Object.entries(tokens)) {
        const { text } = await app.form('/introspect', { token }, caller);
        alone.set(`${who}: ${what}`, text);
        if (text !== inactive) live += 1;
      }
    }
    t.true(live > 6 && live < alone.size, 'some are shown to some');
    const question = fc.record({
      who: fc.constantFrom(...Object.keys(callers)),
      names: fc.array(fc.constantFrom(...Object.keys(tokens)), { maxLength: 12 }),
    });
    const isAnsweredAsAlone = fc.asyncProperty(question, async ({ who, names }) => {
      const reply = await app.json(path, { tokens: names.map((name) => tokens[name]) }, callers[who]);
      const expected = names.map((name) => alone.get(`${who}: ${name}`)).join(',');
      return reply.status === 200 && reply.text === `{"results":[${expected}]}`;
    });
    await t.notThrowsAsync(fc.assert(isAnsweredAsAlone, { numRuns: 60 }));
  },
);

/** Asks a server that then stops: what is only remembered between requests is written down at its end. */
async function askAndStop<T>(app: TestApp, ask: (server: TestApp) => Promise<T>): Promise<T> {
  const server = await TestApp.start(app.database, {}, app.clock, app.secrets);
  try {
    return await ask(server);
  } finally {
    await server.stop();
  }
}

testEachDatabase('POST /introspect/batch leaves behind what /introspect leaves behind', async (t, app) => {
  const owner = await app.addClient();
  const dead = [
    await app.register({ client_id: owner.client_id }),
    await app.register({ client_id: owner.client_id }),
  ];
  for (const token of dead) await app.form('/revoke', { token }, owner);
  const live = await app.register({ client_id: owner.client_id, sub: 'u1', session_id: 's1' });
  const caller = await app.addClient({ permissions: ['introspect:any', 'sessions'] });
  app.advance(100);
  const tokens = [dead[0], live, dead[1], dead[0], app.newToken()];
  const { body } = await askAndStop(app, (other) => other.json(path, { tokens }, caller));
  t.deepEqual(
    body.results.map(({ active }: { active: boolean }) => active),
    [false, true, false, false, false],
  );
  const events = await app.events('dead_token_presented');
  t.deepEqual(
    events.map(({ actor, channel }) => [actor.id, channel]),
    [
      [caller.client_id, 'oauth'],
      [caller.client_id, 'oauth'],
    ],
  );
  const { items } = (await app.get('/v1/sessions?user_id=u1', caller)).body;
  t.is(Date.parse(items[0].last_active_at), app.clock.now);
});

testEachDatabase('POST /introspect/batch asks the database once for all tokens', async (t, app) => {
  const owner = await app.addClient();
  const { client_id } = owner;
  const tokens = await Promise.all(Array.from({ length: 100 }, () => app.register({ client_id })));
  const caller = await app.observer();
  await app.json(path, { tokens: [] }, caller);
  const before = app.store.asked.length;
  const { body } = await app.json(path, { tokens }, caller);
  t.true(body.results.every(({ active }: { active: boolean }) => active));
  t.deepEqual(
    app.store.asked.slice(before).filter((line) => line === 'bulk'),
    ['bulk'],
  );
});

testEachDatabase('POST /introspect/batch is for whoever may call /introspect', async (t, app) => {
  const live = await app.register({ client_id: 'c1', aud: undefined });
  const post = await app.addClient({ authMethod: 'client_secret_post', permissions: ['introspect:any'] });
  const ask = (auth?: TestClient, members: object = {}) =>
    app.json(path, { tokens: [live], ...members }, auth);
  t.is((await ask(undefined)).body.error_description, 'client authentication is missing');
  t.is((await ask(await app.addClient())).body.error, 'unauthorized_client');
  const other = await app.addClient({ permissions: ['introspect'] });
  t.is((await ask({ ...other, secret: `${other.secret}x` })).body.error, 'invalid_client');
  t.is((await ask(other)).text, `{"results":[${inactive}]}`);
  const { client_id, secret: client_secret } = post;
  t.true((await ask(undefined, { client_id, client_secret })).body.results[0].active);

  const issuer = await TestIssuer.inline(app, { scope_permissions: { look: ['introspect:any'] } });
  const bearer = await issuer.sign({ aud: 'https://tokens.example', scope: 'look' });
  const own = await issuer.sign({ aud: undefined, sub: 'u2' });
  const reply = await app.json(path, { tokens: [live, own] }, `Bearer ${bearer}`);
  t.false(reply.body.results[0].active, "of another issuer than the bearer's");
  t.is(reply.body.results[1].sub, 'u2');
});

testEachDatabase('POST /introspect/batch answers JSON whatever form is asked for', async (t, app) => {
  const headers = { Accept: 'application/token-introspection+jwt' };
  const reply = await app.json(path, { tokens: ['x'] }, await app.observer(), { headers });
  t.is(reply.headers['content-type'], 'application/json');
  t.is(reply.text, `{"results":[${inactive}]}`);
});

testEachDatabase(
  'POST /introspect/batch refuses a wrong question by name, and answers none of it',
  async (t, app) => {
    const owner = await app.addClient();
    const dead = await app.register({ client_id: owner.client_id });
    await app.form('/revoke', { token: dead }, owner);
    const caller = await app.observer();
    const refused = (reply: Reply, status: number, message: string) => {
      t.is(reply.status, status, message);
      t.deepEqual(reply.body, { error: 'invalid_request', error_description: message });
    };
    const wrong: [unknown, string][] = [
      [{}, 'tokens is missing'],
      [{ tokens: null }, 'tokens must be of type array'],
      [{ tokens: canary }, 'tokens must be of type array'],
      [{ tokens: { 0: canary } }, 'tokens must be of type array'],
      [[canary], 'body must be of type object'],
      [{ tokens: [dead, 'x', canary, 5] }, 'tokens[3] must be of type string'],
      [{ tokens: [dead, null, canary] }, 'tokens[1] must be of type string'],
      [{ tokens: [{ token: canary }] }, 'tokens[0] must be of type string'],
      [{ tokens: [dead, canary, ''] }, 'tokens[2] is empty'],
      [{ tokens: [canary], client_id: 5 }, 'client_id must be of type string'],
    ];
    await askAndStop(app, async (server) => {
      for (const [body, message] of wrong) refused(await server.json(path, body, caller), 400, message);
    });
    const many = (count: number) => ({ tokens: Array.from({ length: count }, () => dead) });
    refused(await app.json(path, many(101), caller), 413, 'tokens holds at most 100 tokens');
    const large = { tokens: Array.from({ length: 17 }, () => canary.padEnd(16_000, 'x')) };
    refused(await app.json(path, large, caller), 413, 'the body is over 262144 bytes');
    const form = await app.form(path, { token: canary }, caller);
    refused(form, 400, 'the content type must be application/json');
    t.deepEqual(await app.events('dead_token_presented'), [], 'nothing was done by halves');
    t.is((await app.json(path, many(100), caller)).body.results.length, 100);
    t.is((await app.get(path, caller)).status, 405);
  },
);

testEachDatabase(
  'POST /introspect/batch writes no token down, not even from the request id',
  async (t, app) => {
    const token = app.secret('a.token_in-the-wrong-place');
    for (const tokens of [[token], [token, 5]]) {
      const headers = { 'X-Request-Id': token };
      const reply = await app.json(path, { tokens }, await app.observer(), { headers });
      t.not(reply.headers['x-request-id'], token);
    }
  },
);

async function answers503(t: ExecutionContext, asked: Promise<Reply>): Promise<void> {
  const { status, body, headers } = await asked;
  t.is(status, 503);
  t.is(body.error, 'temporarily_unavailable');
  t.truthy(headers['retry-after']);
}

testEachDatabase(
  'POST /introspect/batch answers nothing at all while one token cannot be judged',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app);
    t.teardown(() => issuer.stop());
    issuer.answer = 'error';
    const live = await app.register({ client_id: 'c1' });
    const caller = await app.observer();
    await answers503(t, app.json(path, { tokens: [live, await issuer.sign()] }, caller));
    t.true((await app.json(path, { tokens: [live] }, caller)).body.results[0].active);
    app.store.fault = 'reads';
    await answers503(t, app.json(path, { tokens: [live] }, caller));
  },
);
