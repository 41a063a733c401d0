// /v1/clients: making, showing, listing, rotating and suspending those who may call.
import { generateKeyPairSync } from 'node:crypto';
import type { TestApp } from '../../helpers/app.ts';
import { canary } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

async function admin(app: TestApp): Promise<TestClient> {
  return app.addClient({ clientId: 'admin', permissions: ['admin'] });
}

async function create(app: TestApp, auth: TestClient, body: object): Promise<Reply> {
  const reply = await app.json('/v1/clients', body, auth);
  if (reply.body.client_secret) app.secret(reply.body.client_secret);
  return reply;
}

testEachDatabase(
  'POST /v1/clients makes a client and shows its generated secret this once',
  async (t, app) => {
    const caller = await admin(app);
    const fields = {
      client_id: 'api-1',
      client_name: 'Orders API',
      permissions: ['introspect'],
      audiences: ['https://api.example'],
      allowed_origins: ['https://app.example'],
      issuers: ['https://other.example'],
      cascade: 'grant',
      logout_scope: 'all',
      cache_max_age: 30,
    };
    const { status, body } = await create(app, caller, fields);
    t.is(status, 201);
    const { client_secret, secrets, created_at, ...others } = body;
    t.regex(client_secret, /^[A-Za-z0-9_-]{43}$/);
    t.is(created_at, new Date(app.clock.now).toISOString());
    t.is(secrets.length, 1);
    t.deepEqual(others, { ...fields, token_endpoint_auth_method: 'client_secret_basic', disabled_at: null });
    t.is((await app.form('/introspect', { token: 'x' }, ['api-1', client_secret])).status, 200);
    const shown = await app.get('/v1/clients/api-1', caller);
    t.deepEqual(shown.body, { ...others, secrets, created_at });
    const event = (await app.events('client_created')).at(-1);
    t.deepEqual([event?.clientId, event?.actor.id, event?.channel], ['api-1', 'admin', 'api']);
  },
);

testEachDatabase('POST /v1/clients says where the client can be read', async (t, app) => {
  const caller = await admin(app);
  const made = await create(app, caller, { client_id: 'shop/web 1%' });
  t.is(made.headers.location, '/v1/clients/shop%2Fweb%201%25');
  t.is((await app.get(String(made.headers.location), caller)).body.client_id, 'shop/web 1%');
});

testEachDatabase('POST /v1/clients gives nothing that was not asked for', async (t, app) => {
  const { body } = await create(app, await admin(app), { client_id: 'bare' });
  const { client_secret: _, secrets: _secrets, created_at: _at, ...others } = body;
  t.deepEqual(others, {
    client_id: 'bare',
    token_endpoint_auth_method: 'client_secret_basic',
    permissions: [],
    audiences: [],
    allowed_origins: [],
    issuers: [],
    cascade: 'token',
    logout_scope: 'current',
    cache_max_age: 0,
    disabled_at: null,
  });
});

testEachDatabase('POST /v1/clients counts once what is named twice', async (t, app) => {
  const [permissions, audiences] = [['audit'], ['https://api.example']];
  const twice = { permissions: [...permissions, ...permissions], audiences: [...audiences, ...audiences] };
  const { status, body } = await create(app, await admin(app), { client_id: 'c1', ...twice });
  t.is(status, 201);
  t.like(body, { permissions, audiences });
});

testEachDatabase('POST /v1/clients takes a secret and never shows it', async (t, app) => {
  const client_secret = app.secret('a-secret-of-at-least-32-characters');
  const { status, body } = await create(app, await admin(app), { client_id: 'c1', client_secret });
  t.is(status, 201);
  t.false('client_secret' in body);
  t.is((await app.form('/revoke', { token: 'x' }, ['c1', client_secret])).status, 200);
});

testEachDatabase(
  'POST /v1/clients makes public clients without secret and without permission',
  async (t, app) => {
    const caller = await admin(app);
    const open = { client_id: 'spa', token_endpoint_auth_method: 'none' };
    const { status, body } = await create(app, caller, open);
    t.is(status, 201);
    t.deepEqual(body.secrets, []);
    t.false('client_secret' in body);
    const refused = await create(app, caller, { ...open, client_id: 'spa-2', permissions: ['introspect'] });
    t.is(refused.status, 400);
    t.is(refused.body.detail, 'permissions must be empty for a client that does not authenticate');
    t.is((await app.get('/v1/clients/spa-2', caller)).status, 404);
  },
);

testEachDatabase(
  'POST /v1/clients refuses keys that can verify nothing, but for certificates they need not verify',
  async (t, app) => {
    const caller = await admin(app);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const fields = { client_id: 'c1', jwks: { keys: [publicKey.export({ format: 'jwk' })] } };
    const make = (method: string) => create(app, caller, { ...fields, token_endpoint_auth_method: method });
    const refused = await make('private_key_jwt');
    t.is(refused.status, 400);
    t.regex(refused.body.detail, /^jwks holds a key that cannot verify: alg, if given, kty and crv must be /);
    t.is((await make('self_signed_tls_client_auth')).status, 201);
    t.like(
      app.log.findLast(({ level }) => level === 40),
      {
        client: 'c1',
        msg: 'a client cannot authenticate by certificate with these settings: set CLIENT_CERT_PROXIES, and for tls_client_auth TLS_CLIENT_CA_FILE, too',
      },
    );
  },
);

testEachDatabase('POST /v1/clients refuses an id that is taken, also of two at once', async (t, app) => {
  const caller = await admin(app);
  const replies = await Promise.all([1, 2].map(() => create(app, caller, { client_id: 'c1' })));
  t.deepEqual(replies.map(({ status }) => status).sort(), [201, 409]);
  const refused = replies.find(({ status }) => status === 409);
  t.is(refused?.body.code, 'client_exists');
  t.is(refused?.body.detail, 'there is a client with this client_id');
});

testEachDatabase('GET /v1/clients lists all, page by page, in the order of their ids', async (t, app) => {
  const caller = await admin(app);
  for (const name of ['e', 'b', 'd', 'c']) await app.addClient({ clientId: name });
  const ids: string[] = [];
  let next: string | undefined = '/v1/clients?limit=2';
  while (next !== undefined) {
    const { body, headers }: Reply = await app.get(next, caller);
    ids.push(...body.items.map((client: { client_id: string }) => client.client_id));
    next = /^<(.*)>; rel="next"$/.exec(headers.link ?? '')?.[1];
    t.is(next === undefined, body.next_cursor === null);
  }
  t.deepEqual(ids, ['admin', 'b', 'c', 'd', 'e']);
});

testEachDatabase('GET /v1/clients/{client_id} finds clients by ids that need escaping', async (t, app) => {
  const caller = await admin(app);
  for (const clientId of ['a/b', 'a b', 'https://app.example/x?y=1#z', '%41']) {
    await app.addClient({ clientId });
    const reply = await app.get(`/v1/clients/${encodeURIComponent(clientId)}`, caller);
    t.is(reply.body.client_id, clientId);
  }
});

testEachDatabase('GET /v1/clients/{client_id} of nobody is 404, however it is written', async (t, app) => {
  const caller = await admin(app);
  for (const id of ['nobody', '%00', 'x'.repeat(5000), '%F0%9F%98%80']) {
    const reply = await app.get(`/v1/clients/${id}`, caller);
    t.is(reply.status, 404);
    t.is(reply.body.detail, 'there is no such client');
  }
});

testEachDatabase(
  'POST /v1/clients/{client_id}/rotate-secret adds a secret and lets the older ones end',
  async (t, app) => {
    const caller = await admin(app);
    const client = await app.addClient();
    const path = `/v1/clients/${client.client_id}/rotate-secret`;
    const { status, body } = await app.request('POST', path, { auth: caller });
    t.is(status, 200);
    app.secret(body.client_secret);
    t.is(body.previous_expires_at, new Date(app.clock.now + 86_400_000).toISOString());
    for (const secret of [client.secret, body.client_secret]) {
      t.is((await app.form('/revoke', { token: 'x' }, [client.client_id, secret])).status, 200);
    }
    const at_once = await app.json(path, { overlap_seconds: 0 }, caller);
    app.secret(at_once.body.client_secret);
    const statuses = await Promise.all(
      [client.secret, body.client_secret, at_once.body.client_secret].map(
        async (secret) => (await app.form('/revoke', { token: 'x' }, [client.client_id, secret])).status,
      ),
    );
    t.deepEqual(statuses, [401, 401, 200]);
    t.is((await app.events('client_secret_rotated')).length, 2);
  },
);

testEachDatabase(
  'POST /v1/clients/{client_id}/rotate-secret: an older secret counts until its end, and not a millisecond longer',
  async (t, app) => {
    const { client_id, secret } = await app.addClient();
    const path = `/v1/clients/${client_id}/rotate-secret`;
    const { body } = await app.json(path, { overlap_seconds: 60 }, await admin(app));
    app.secret(body.client_secret);
    const statuses: number[] = [];
    for (const early of [1, 0]) {
      app.clock.now = Date.parse(body.previous_expires_at) - early;
      // Twice, as a header that was proved is remembered.
      for (const _ of [1, 2])
        statuses.push((await app.form('/revoke', { token: 'x' }, [client_id, secret])).status);
    }
    t.deepEqual(statuses, [200, 200, 401, 401]);
  },
);

testEachDatabase(
  'POST /v1/clients/{client_id}/rotate-secret is for clients that have secrets',
  async (t, app) => {
    const caller = await admin(app);
    const open = await app.addClient({ authMethod: 'none' });
    const reply = await app.request('POST', `/v1/clients/${open.client_id}/rotate-secret`, { auth: caller });
    t.is(reply.status, 400);
    t.is(reply.body.detail, 'client_id names a client that has no secret');
    t.is((await app.request('POST', '/v1/clients/nobody/rotate-secret', { auth: caller })).status, 404);
  },
);

testEachDatabase(
  'POST /v1/clients/{client_id}/rotate-secret takes no secret that is stored as a name',
  async (t, app) => {
    const caller = await admin(app);
    const [client_id, client_name] = [
      'a-name-as-long-as-a-secret-has-to-be',
      'another name that long, as secrets are',
    ];
    t.is((await app.json('/v1/clients', { client_id, client_name }, caller)).status, 201);
    for (const client_secret of [client_id, client_name]) {
      const reply = await app.json(`/v1/clients/${client_id}/rotate-secret`, { client_secret }, caller);
      t.deepEqual([reply.status, reply.body.errors[0].parameter], [400, 'client_secret']);
      t.is((await app.form('/revoke', { token: 'x' }, [client_id, client_secret])).status, 401);
    }
    t.is((await app.events('client_secret_rotated')).length, 0);
  },
);

testEachDatabase(
  'POST /v1/clients/{client_id}/disable suspends, /enable lifts it, and both may be repeated',
  async (t, app) => {
    const caller = await admin(app);
    const { client_id } = await app.addClient();
    const call = async (verb: string) =>
      (await app.request('POST', `/v1/clients/${client_id}/${verb}`, { auth: caller })).body.disabled_at;
    const at = new Date(app.clock.now).toISOString();
    t.is(await call('disable'), at);
    app.advance(60);
    t.is(await call('disable'), at);
    t.is(await call('enable'), null);
    t.is(await call('enable'), null);
    t.is((await app.events('client_disabled')).length, 1);
    t.is((await app.events('client_enabled')).length, 1);
    for (const verb of ['disable', 'enable']) {
      t.is((await app.request('POST', `/v1/clients/nobody/${verb}`, { auth: caller })).status, 404);
    }
  },
);

testEachDatabase('/v1/clients answers 503 while the store fails, and changes nothing', async (t, app) => {
  const caller = await admin(app);
  const { client_id } = await app.addClient();
  const before = await app.get(`/v1/clients/${client_id}`, caller);
  for (const fault of ['everything', 'events'] as const) {
    app.store.fault = fault;
    const replies = [
      await app.json('/v1/clients', { client_id: 'new' }, caller),
      await app.patch(`/v1/clients/${client_id}`, { client_name: 'new' }, caller),
      await app.request('POST', `/v1/clients/${client_id}/rotate-secret`, { auth: caller }),
      await app.request('POST', `/v1/clients/${client_id}/disable`, { auth: caller }),
    ];
    if (fault === 'everything') {
      replies.push(await app.get('/v1/clients', caller), await app.get(`/v1/clients/${client_id}`, caller));
    }
    for (const reply of replies) {
      t.deepEqual([reply.status, reply.body.code], [503, 'temporarily_unavailable']);
      t.is(reply.headers['retry-after'], '1');
    }
    app.store.fault = 'none';
    t.is((await app.get('/v1/clients/new', caller)).status, 404);
    t.deepEqual((await app.get(`/v1/clients/${client_id}`, caller)).body, before.body);
  }
});

testEachDatabase('POST /v1/clients takes the ids that RFC 6749 allows, and no other', async (t, app) => {
  const caller = await admin(app);
  for (const client_id of ['', '.', '..', 'ü', 'a\nb', 'a\u0000', 'x'.repeat(256)]) {
    const { status, body } = await create(app, caller, { client_id });
    t.is(status, 400);
    t.deepEqual(body.errors.map(({ parameter }: { parameter: string }) => parameter)[0], 'client_id');
  }
  for (const client_id of [' !"~', '...', '.a']) t.is((await create(app, caller, { client_id })).status, 201);
});

testEachDatabase('POST /v1/clients refuses a client by the name of what is wrong with it', async (t, app) => {
  const caller = await app.addClient({ permissions: ['admin'] });
  const tries: [Record<string, unknown>, string][] = [
    [{}, 'client_id'],
    [{ token_endpoint_auth_method: 'client_secret_jwt' }, 'token_endpoint_auth_method'],
    [{ permissions: ['everything'] }, 'permissions.0'],
    [{ permissions: 'admin' }, 'permissions'],
    [{ issuers: ['*'] }, 'issuers.0'],
    [{ allowed_origins: ['*'] }, 'allowed_origins.0'],
    [{ allowed_origins: ['https://app.example/'] }, 'allowed_origins.0'],
    [{ allowed_origins: ['HTTPS://app.example'] }, 'allowed_origins.0'],
    [{ audiences: [''] }, 'audiences.0'],
    [{ cascade: 'all' }, 'cascade'],
    [{ logout_scope: 'others' }, 'logout_scope'],
    [{ scope: ' ' }, 'scope'],
    [{ scope: 'a  b' }, 'scope'],
    [{ cache_max_age: -1 }, 'cache_max_age'],
    [{ cache_max_age: 3601 }, 'cache_max_age'],
    [{ client_secret: canary }, 'client_secret'],
    [{ client_secret: `${canary.repeat(4)}\n` }, 'client_secret'],
    [{ client_secret: 'x'.repeat(32), token_endpoint_auth_method: 'none' }, 'client_secret'],
    [{ redirect_uris: [canary] }, 'redirect_uris'],
    [
      { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: canary },
      'tls_client_auth_subject_dn',
    ],
    [{ tls_client_auth_san_dns: canary }, 'tls_client_auth_san_dns'],
    [{ token_endpoint_auth_method: 'tls_client_auth' }, 'tls_client_auth_subject_dn'],
    [
      {
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_san_dns: canary,
        tls_client_auth_san_email: canary,
      },
      'tls_client_auth_san_email',
    ],
  ];
  for (const [members, parameter] of tries) {
    const client_id = parameter === 'client_id' ? undefined : 'c1';
    const { status, body, text } = await app.json('/v1/clients', { client_id, ...members }, caller);
    t.is(status, 400, parameter);
    t.is(body.errors[0].parameter, parameter);
    t.false(text.includes(canary), parameter);
  }
  t.is((await app.get('/v1/clients/c1', caller)).status, 404);
});
