// Bodies that are no JSON, or JSON that no endpoint takes, wherever JSON is taken.
import { type Bad, canary, formType, sendBad } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';

const wrongBodies: readonly Bad[] = [
  ['no JSON', { body: `{"token":"${canary}` }, 400, 'the body is not valid JSON in UTF-8'],
  ['a number', { body: '5' }, 400, 'the body must be a JSON object or array'],
  ['bytes that are no UTF-8', { body: Buffer.from(`{"token":"${canary}\xff"}`, 'latin1') }, 400, undefined],
  ['a form', { type: formType, body: `token=${canary}` }, 415, 'the content type must be application/json'],
  [
    'no content type',
    { type: undefined, body: `{"token":"${canary}"}` },
    415,
    'the content type must be application/json',
  ],
  [
    'JSON that means something else',
    { type: 'application/foo+json', body: '{"client_id":"web"}' },
    415,
    'the content type must be application/json',
  ],
  ['nothing', { type: undefined, body: undefined }, 415, 'the content type must be application/json'],
];

for (const path of ['/v1/tokens', '/v1/clients']) {
  testEachDatabase(`POST ${path} refuses what is no proper JSON`, async (t, app) => {
    const auth = await app.addClient({ permissions: ['register', 'admin'] });
    const large = `{"token":"${canary}${'x'.repeat(path === '/v1/tokens' ? 1_048_576 : 65_536)}"}`;
    const bounds = {
      '/v1/tokens': 'the body is over 1048576 bytes',
      '/v1/clients': 'the body is over 65536 bytes',
    };
    const tooLarge: Bad = ['a large body', { body: large }, 413, bounds[path as keyof typeof bounds]];
    for (const bad of [...wrongBodies, tooLarge]) {
      const reply = await sendBad(t, app, path, { auth, type: 'application/json' }, bad);
      if (bad[3]) t.is(reply.body.detail, bad[3], bad[0]);
    }
  });
}

testEachDatabase('JSON that is nested by the thousand is refused unparsed, by name', async (t, app) => {
  const all = ['register', 'admin', 'audit', 'revoke:any', 'introspect:any'] as const;
  const auth = await app.addClient({ permissions: [...all] });
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const targets = (depth: number) => `${'{"target":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
  const paths = [
    '/v1/tokens',
    '/v1/clients',
    '/v1/revocations',
    '/v1/tokens/explain',
    '/introspect/batch',
    '/logout',
  ];
  const tooDeep = /^the body is over 32 levels deep$/;
  const tooDeepOrMany = /^the body (?:is over 32 levels deep|has over \d+ objects and arrays)$/;
  for (const path of paths)
    for (const [body, problem] of [
      [nested(33), tooDeep],
      [targets(33), tooDeep],
      [nested(30_000), tooDeepOrMany],
      [targets(5_000), tooDeepOrMany],
    ] as const) {
      const reply = await app.request('POST', path, { auth, type: 'application/json', body });
      const { detail, error_description, message } = reply.body;
      t.is(reply.status, 400, path);
      t.regex(detail ?? error_description ?? message, problem, path);
    }
  for (const body of [nested(30_000), targets(33)]) {
    const lines = await app.request('POST', '/v1/tokens', { auth, type: 'application/x-ndjson', body });
    const limit = body.length > 1_000 ? 'has over 4096 objects and arrays' : 'is over 32 levels deep';
    const { http_status, detail } = JSON.parse(lines.text);
    t.deepEqual([http_status, detail], [400, `the line ${limit}`]);
  }
  const refresh_token = await app.register({ client_id: 'web' });
  const device = JSON.parse(nested(31));
  const json = { type: 'application/json', body: JSON.stringify({ refresh_token, device }) };
  const { body } = await app.request('POST', '/logout', json);
  t.is(body.data.status, 'logged_out', 'at the limit it is read as any other');
});

testEachDatabase('JSON of very many objects and arrays is refused unparsed', async (t, app) => {
  const auth = await app.addClient({ permissions: ['register', 'admin'] });
  for (const [path, max] of [
    ['/v1/tokens', 65_536],
    ['/v1/clients', 4096],
  ] as const) {
    for (const body of [
      '['.repeat(max + 1) + ']'.repeat(max + 1),
      `[[${'{},'.repeat(max - 1)}0]]`,
      `[${'['.repeat(max + 1)}`,
    ]) {
      const reply = await app.request('POST', path, { auth, type: 'application/json', body });
      t.deepEqual([reply.status, reply.body.detail], [400, `the body has over ${max} objects and arrays`]);
    }
    const most = await app.request('POST', path, {
      auth,
      type: 'application/json',
      body: `[${'{},'.repeat(max - 2)}0]`,
    });
    t.notRegex(String(most.body.detail), /objects and arrays/);
  }
  const body = `["${'['.repeat(70_000)}"]`;
  const { status } = await app.request('POST', '/v1/tokens', { auth, type: 'application/json', body });
  t.is(status, 200, 'within a string they are none');
});

testEachDatabase('JSON of very many members is refused unparsed', async (t, app) => {
  const auth = await app.addClient({ permissions: ['register', 'introspect'] });
  const refresh_token = await app.register({ client_id: 'web' });
  for (const [path, max] of [
    ['/v1/tokens', 65_536],
    ['/introspect/batch', 16_384],
    ['/logout', 4096],
  ] as const) {
    const send = (count: number) => {
      const one = path === '/logout' ? [`"refresh_token":"${refresh_token}"`] : [];
      const members = Array.from({ length: count - one.length }, (_, n) => `"${n.toString(36)}":0`);
      const body = `{${[...one, ...members].join(',')}}`;
      return app.request('POST', path, {
        type: 'application/json',
        body,
        ...(path !== '/logout' && { auth }),
      });
    };
    const { status, body } = await send(max + 1);
    t.is(status, 400, path);
    t.is(body.detail ?? body.error_description ?? body.message, `the body has over ${max} members`);
    const most = await send(max);
    t.notRegex(most.text, /over \d+ members/);
    if (path === '/logout') t.is(most.body.data.status, 'logged_out', 'at the limit it is read as any other');
  }
});

testEachDatabase(
  'JSON that names a member twice is refused, as a form is, wherever it is',
  async (t, app) => {
    const all = ['register', 'revoke:any', 'introspect:any'] as const;
    const auth = await app.addClient({ permissions: [...all] });
    const [one, other] = [
      await app.register({ client_id: 'web', sub: 'u1' }),
      await app.register({ client_id: 'web', sub: 'u2' }),
    ];
    const bodies: [path: string, body: string][] = [
      ['/logout', `{"refresh_token":"${one}","refresh_token":"${other}"}`],
      ['/logout', `{"refresh_token":"${one}","refr\\u0065sh_token":"${other}"}`],
      ['/v1/revocations', '{"target":{"kind":"subject","sub":"u1","sub":"u2"},"reason":"admin"}'],
      ['/introspect/batch', `{"tokens":["${one}"],"tokens":["${other}"]}`],
      ['/v1/tokens', `[{"token":"${one}"},{"token":"x","cnf":{"jkt":"a:\\"}","jkt":"b"}}]`],
    ];
    for (const [path, body] of bodies) {
      const parts = {
        ...(path !== '/logout' && { auth }),
        type: 'application/json',
        body,
        headers: { 'X-Request-Id': body.includes(one) ? one : 'mine' },
      };
      const { status, body: said, headers: sent } = await app.request('POST', path, parts);
      const text = said.detail ?? said.error_description ?? said.message;
      t.deepEqual([status, text], [400, 'the body names a member of an object twice'], body);
      t.not(sent['x-request-id'], one);
    }
    const lines = await app.request('POST', '/v1/tokens', {
      auth,
      type: 'application/x-ndjson',
      body: '{"token":"a","token":"b"}\n',
    });
    t.is(JSON.parse(lines.text).detail, 'the line names a member of an object twice');
    t.true((await app.isActive(one)) && (await app.isActive(other)));
    const same = '[{"a":":\\"","b":[{"a":1},{"a":{"a":" : "}}]}]';
    const twice = await app.request('POST', '/v1/tokens', { auth, type: 'application/json', body: same });
    t.is(twice.status, 200, 'each object has names of its own');
  },
);

testEachDatabase('JSON with a member __proto__ is refused by its name, wherever it is', async (t, app) => {
  const auth = await app.addClient({ permissions: ['register', 'admin'] });
  const issuer = '"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"';
  const bodies: [path: string, body: string][] = [
    ['/v1/issuers', `{${issuer},"scope_permissions":{"__proto__":["audit"]}}`],
    ['/v1/tokens', '{"token":"x","cnf":{"__proto__":{"jkt":"x"}}}'],
    ['/v1/clients', '{"__proto__":{"client_id":"x"}}'],
    ['/v1/clients', '{"__pr\\u006fto__":{"client_id":"x"}}'],
  ];
  for (const [path, body] of bodies) {
    const reply = await app.request('POST', path, { auth, type: 'application/json', body });
    t.is(reply.status, 400, path);
    const message = '__proto__ must not be the name of a member';
    t.deepEqual(reply.body.errors, [{ parameter: '__proto__', message }], path);
  }
  t.true(
    await app.isActive(await app.register({ client_id: 'c1', sub: '__proto__' })),
    'a value of that name',
  );
});

testEachDatabase(
  'calls that take nothing from a body refuse one that has members, by name',
  async (t, app) => {
    const auth = await app.addClient({ permissions: ['admin', 'sessions'] });
    const { client_id } = await app.addClient();
    const issuer = await TestIssuer.inline(app);
    const token = await app.register({ client_id, session_id: 's1' });
    const signed = await issuer.sign({ client_id });
    const calls: [method: string, path: string][] = [
      ['POST', `/v1/clients/${client_id}/disable`],
      ['POST', `/v1/clients/${client_id}/enable`],
      ['POST', `/v1/issuers/${encodeURIComponent(issuer.name)}/disable`],
      ['POST', `/v1/issuers/${encodeURIComponent(issuer.name)}/enable`],
      ['POST', `/v1/issuers/${encodeURIComponent(issuer.name)}/refresh-keys`],
      ['DELETE', '/v1/sessions/s1'],
    ];
    const type = 'application/json';
    for (const [method, path] of calls) {
      const { status, body } = await app.request(method, path, { auth, type, body: '{"dry_run":true}' });
      t.deepEqual([status, body.detail], [400, 'dry_run is not known here'], path);
      t.is((await app.request(method, path, { auth, type: formType, body: 'a=b' })).status, 415, path);
    }
    t.true((await app.isActive(token)) && (await app.isActive(signed)), 'nothing was done');
    t.is((await app.events('issuer_keys_refreshed')).length, 0);
    for (const [method, path] of calls)
      t.is((await app.request(method, path, { auth, type, body: '{}' })).status, 200, path);
    t.false(await app.isActive(token));
  },
);
