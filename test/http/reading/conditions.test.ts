// Conditions on what a request names (RFC 9110 §13): a record is changed as its sender has seen it, or not at all.
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';

async function setUp(app: TestApp) {
  const auth = await app.addClient({ permissions: ['admin', 'register', 'revoke:any', 'sessions'] });
  await app.addClient({ clientId: 'api' });
  const issuer = await TestIssuer.inline(app);
  const records = [
    { path: '/v1/clients/api', one: { cache_max_age: 1 }, other: { cache_max_age: 2 } },
    {
      path: `/v1/issuers/${encodeURIComponent(issuer.name)}`,
      one: { default_audience: 'https://one.example' },
      other: { default_audience: 'https://other.example' },
    },
  ];
  return { auth, records };
}

const failed = (header: string) => `what it names is not as ${header} wants it`;

testEachDatabase('PATCH with If-Match changes a record only as it was seen', async (t, app) => {
  const { auth, records } = await setUp(app);
  for (const { path, one, other } of records) {
    const seen = await app.get(path, auth);
    const tag = String(seen.headers.etag);
    t.regex(tag, /^"[\w-]{43}"$/);
    const patch = (body: object, header: string, value: string) =>
      app.patch(path, body, auth, { headers: { [header]: value } });
    const changed = await patch(one, 'If-Match', `"nothing", ${tag}`);
    t.is(changed.status, 200, path);
    const now = await app.get(path, auth);
    t.is(changed.headers.etag, now.headers.etag);
    t.not(now.headers.etag, tag);
    for (const value of [tag, `W/${now.headers.etag}`, '"nothing"', '']) {
      const { status, body } = await patch(other, 'If-Match', value);
      t.deepEqual([status, body.code, body.detail], [412, 'precondition_failed', failed('If-Match')], value);
    }
    for (const value of ['*', `W/${now.headers.etag}`]) {
      const { status, body } = await patch(other, 'If-None-Match', value);
      t.deepEqual([status, body.detail], [412, failed('If-None-Match')], value);
    }
    t.deepEqual((await app.get(path, auth)).body, now.body);
    t.is((await patch(other, 'If-Match', '*')).status, 200);
    t.is((await patch(one, 'If-None-Match', tag)).status, 200);
    t.is((await app.patch(`${path}2`, one, auth, { headers: { 'If-Match': tag } })).status, 404);
    t.is((await app.patch(path, one, undefined, { headers: { 'If-Match': tag } })).status, 401);
  }
});

testEachDatabase('of simultaneous patches of what all have seen, one is made', async (t, app) => {
  const { auth, records } = await setUp(app);
  const path = records[0]?.path as string;
  const { etag } = (await app.get(path, auth)).headers;
  const headers = { 'If-Match': String(etag) };
  const patches = Array.from({ length: 8 }, (_, n) => ({ cache_max_age: n + 1 }));
  const replies = await Promise.all(patches.map((patch) => app.patch(path, patch, auth, { headers })));
  t.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(7).fill(412)]);
});

testEachDatabase('GET with If-None-Match answers what its sender holds with 304', async (t, app) => {
  const { auth, records } = await setUp(app);
  for (const { path } of records) {
    const { etag = '' } = (await app.get(path, auth)).headers;
    const ask = (header: string, value: string) =>
      app.request('GET', path, { auth, headers: { [header]: value } });
    const held = await ask('If-None-Match', `"other", W/${etag}`);
    t.deepEqual([held.status, held.text, held.headers.etag], [304, '', etag]);
    t.is((await ask('If-None-Match', '*')).status, 304);
    t.is((await ask('If-None-Match', '"other"')).status, 200);
    t.is((await ask('If-Match', etag)).status, 200);
    t.is((await ask('If-Match', '"other"')).status, 412);
    await app.request('POST', `${path}/disable`, { auth });
    t.is((await ask('If-None-Match', etag)).status, 200, 'a suspension is a change');
  }
  const made = await app.json('/v1/clients', { client_id: 'made' }, auth);
  app.secret(made.body.client_secret);
  t.is((await app.get('/v1/clients/made', auth)).headers.etag, made.headers.etag);
});

testEachDatabase('what has no tag is changed under none', async (t, app) => {
  const { auth, records } = await setUp(app);
  const path = records[0]?.path as string;
  const { etag = '' } = (await app.get(path, auth)).headers;
  const token = await app.register({ client_id: 'api', session_id: 's1' });
  const calls: [method: string, path: string, body?: object][] = [
    ['POST', `${path}/disable`],
    ['POST', `${path}/rotate-secret`],
    ['DELETE', '/v1/sessions/s1'],
    ['POST', '/v1/clients', { client_id: 'made' }],
    ['POST', '/v1/revocations', { target: { kind: 'session', session_id: 's1' }, reason: 'admin' }],
  ];
  const call = async (value: string, [method, at, json]: (typeof calls)[number], by = auth) => {
    const parts = { type: 'application/json', body: JSON.stringify(json ?? {}) };
    const reply = await app.request(method, at, { auth: by, headers: { 'If-Match': value }, ...parts });
    if (reply.body.client_secret) app.secret(reply.body.client_secret);
    return reply.status;
  };
  for (const each of calls) t.is(await call(etag, each), 412, each[1]);
  t.true(await app.isActive(token));
  t.is(await call(etag, ['DELETE', '/v1/sessions/s1'], await app.addClient()), 403, 'who may not is told so');
  for (const each of calls) t.true([200, 201].includes(await call('*', each)), each[1]);
});
