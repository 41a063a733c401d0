// Client authentication (RFC 6749 §2.3) at /revoke, /introspect and /v1: who is let in, and that every refusal looks
// the same.
import { systemOrigin } from '../../../src/domain/audit.ts';
import {
  createClient,
  plainClient,
  rotateClientSecret,
  switchClient,
} from '../../../src/domain/records/manage-clients.ts';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { likenessOf, type Reply, type TestClient } from '../../helpers/requests.ts';

const failed = { error: 'invalid_client', error_description: 'client authentication failed' };
const basicChallenge = 'Basic realm="revocation-server", charset="UTF-8"';
const anyToken = { token: 'nobody-registered-this' };

function basic(text: string | Buffer): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

testEachDatabase(
  'POST /revoke accepts each method from the clients that are registered for it, and no other',
  async (t, app) => {
    const byMethod = {
      client_secret_basic: await app.addClient({ authMethod: 'client_secret_basic' }),
      client_secret_post: await app.addClient({ authMethod: 'client_secret_post' }),
      none: await app.addClient({ authMethod: 'none' }),
    };
    const ways: Record<string, (client: TestClient) => Promise<Reply>> = {
      client_secret_basic: (client) => app.form('/revoke', anyToken, client),
      client_secret_post: ({ client_id, secret }) =>
        app.form('/revoke', { ...anyToken, client_id, client_secret: secret }),
      none: ({ client_id }) => app.form('/revoke', { ...anyToken, client_id }),
    };
    for (const [method, client] of Object.entries(byMethod)) {
      for (const [way, call] of Object.entries(ways)) {
        const reply = await call(client);
        t.is(reply.status, way === method ? 200 : 401, `${method} by ${way}`);
        if (way === method) continue;
        t.deepEqual(reply.body, failed);
        t.is(reply.headers['www-authenticate'], basicChallenge);
      }
    }
  },
);

testEachDatabase('POST /revoke decodes id and secret of Basic as a form does', async (t, app) => {
  const secret = app.secret('p%5^g+is &h@:=z é p%5^g+is &h@:=z');
  await createClient(app.store, systemOrigin, plainClient({ clientId: 'c:sp/1 x' }), secret);
  t.is((await app.form('/revoke', anyToken, ['c:sp/1 x', secret])).status, 200);
  const undecoded = basic(`c%3Asp%2F1 x:${secret}`);
  t.is((await app.form('/revoke', anyToken, undecoded)).status, 401);
});

testEachDatabase(
  'POST /revoke accepts a plain secret that holds nothing to encode, in any case of the scheme',
  async (t, app) => {
    const { client_id, secret } = await app.addClient();
    const header = basic(`${client_id}:${secret}`);
    for (const auth of [header, header.replace('Basic', 'basic'), header.replace('Basic ', 'BASIC   ')]) {
      t.is((await app.form('/revoke', anyToken, auth)).status, 200);
    }
  },
);

testEachDatabase('POST /revoke tells no failed authentication from another', async (t, app) => {
  const client = await app.addClient();
  const suspended = await app.addClient();
  const post = await app.addClient({ authMethod: 'client_secret_post' });
  const open = await app.addClient({ authMethod: 'none' });
  await switchClient(app.store, systemOrigin, suspended.client_id, false);
  const { client_id, secret } = client;
  const attempts: Record<string, Reply> = {
    'wrong secret': await app.form('/revoke', anyToken, [client_id, 'wrong']),
    'no secret': await app.form('/revoke', anyToken, [client_id, '']),
    'secret of another': await app.form('/revoke', anyToken, [client_id, post.secret]),
    'unknown client': await app.form('/revoke', anyToken, ['nobody', secret]),
    'suspended client': await app.form('/revoke', anyToken, suspended),
    'other method': await app.form('/revoke', anyToken, post),
    'public client with a secret': await app.form('/revoke', anyToken, [open.client_id, 'x']),
    'confidential client by name alone': await app.form('/revoke', { ...anyToken, client_id }),
    'unknown client by name alone': await app.form('/revoke', { ...anyToken, client_id: 'nobody' }),
    'another scheme': await app.form('/revoke', anyToken, 'Digest abc'),
    'no scheme': await app.form('/revoke', anyToken, secret),
    'Basic alone': await app.form('/revoke', anyToken, 'Basic'),
    'no base64': await app.form('/revoke', anyToken, 'Basic !!!'),
    'no colon': await app.form('/revoke', anyToken, basic('a')),
    'no client': await app.form('/revoke', anyToken, basic(':secret')),
    'bad escape': await app.form('/revoke', anyToken, basic('a:%ZZ')),
    'no UTF-8': await app.form('/revoke', anyToken, basic(Buffer.from([0x61, 0x3a, 0xff]))),
    'a byte order mark': await app.form('/revoke', anyToken, basic(`\ufeff${client_id}:${secret}`)),
    'escaped no UTF-8': await app.form('/revoke', anyToken, basic('a:%FF')),
    NUL: await app.form('/revoke', anyToken, basic('a\0:b')),
    'very long': await app.form('/revoke', anyToken, basic(`${'x'.repeat(9000)}:y`)),
  };
  const model = likenessOf(attempts['wrong secret'] as Reply);
  for (const [what, reply] of Object.entries(attempts)) {
    t.is(reply.status, 401, what);
    t.deepEqual(reply.body, failed, what);
    t.deepEqual(likenessOf(reply), model, what);
  }
});

testEachDatabase(
  'the log alone says why an authentication failed, and shows nothing of it',
  async (t, app) => {
    const client = await app.addClient();
    const suspended = await app.addClient();
    await switchClient(app.store, systemOrigin, suspended.client_id, false);
    const { client_id, secret } = client;
    const attempts: [Reply, object][] = [
      [
        await app.form('/revoke', { ...anyToken, client_id, client_secret: secret }),
        { client_id, why: 'wrong_method', registered_for: 'client_secret_basic' },
      ],
      [await app.form('/revoke', anyToken, [client_id, 'not-the-secret']), { client_id, why: 'wrong_proof' }],
      [await app.form('/revoke', anyToken, ['nobody', secret]), { client_id: null, why: 'unknown_client' }],
      [
        await app.form('/revoke', anyToken, suspended),
        { client_id: suspended.client_id, why: 'suspended_client' },
      ],
      [await app.form('/revoke', anyToken, 'Basic !!!'), { client_id: null, why: 'malformed' }],
      [
        await app.form('/introspect', anyToken, 'Bearer not-a-token-of-ours'),
        { client_id: null, why: 'wrong_bearer' },
      ],
    ];
    const lines = app.log.filter(({ msg }) => msg === 'client authentication failed');
    t.is(lines.length, attempts.length);
    for (const [n, [reply, said]] of attempts.entries()) {
      t.is(reply.status, 401);
      t.like(lines[n], said);
    }
    t.notRegex(JSON.stringify(lines), /not-the-secret|not-a-token-of-ours/);
  },
);

testEachDatabase('POST /revoke without credentials and without client_id is not let in', async (t, app) => {
  const reply = await app.form('/revoke', anyToken);
  t.is(reply.status, 401);
  t.deepEqual(reply.body, {
    error: 'invalid_client',
    error_description: 'client authentication or client_id is missing',
  });
  t.is(reply.headers['www-authenticate'], basicChallenge);
});

testEachDatabase(
  'POST /revoke refuses two ways of authenticating, unless both say the same',
  async (t, app) => {
    const client = await app.addClient();
    const { client_id, secret } = client;
    const tries: [string, Record<string, string>, number, string | undefined][] = [
      ['same client, same secret', { client_id, client_secret: secret }, 200, undefined],
      ['same client named again', { client_id }, 200, undefined],
      [
        'another secret',
        { client_id, client_secret: 'another' },
        400,
        'there are two ways of authenticating in one request',
      ],
      [
        'another client',
        { client_id: 'other' },
        400,
        'client_id differs from the client that the Authorization header names',
      ],
      ['a secret without its client', { client_secret: secret }, 400, 'client_id is missing'],
      ['an assertion', { client_assertion: 'x' }, 400, 'there are two ways of authenticating in one request'],
    ];
    for (const [what, fields, status, description] of tries) {
      const reply = await app.form('/revoke', { ...anyToken, ...fields }, client);
      t.is(reply.status, status, what);
      t.is(reply.body.error_description, description, what);
      if (status === 400) t.is(reply.body.error, 'invalid_request', what);
    }
  },
);

testEachDatabase('POST /revoke with a secret in the body but no client_id is malformed', async (t, app) => {
  const { secret } = await app.addClient({ authMethod: 'client_secret_post' });
  const reply = await app.form('/revoke', { ...anyToken, client_secret: secret });
  t.is(reply.status, 400);
  t.deepEqual(reply.body, { error: 'invalid_request', error_description: 'client_id is missing' });
});

testEachDatabase('POST /revoke accepts every secret that has not been rotated away', async (t, app) => {
  const client = await app.addClient();
  const { client_id, secret } = client;
  const rotate = async (overlapSeconds: number) => {
    const rotated = await rotateClientSecret(app.store, systemOrigin, client_id, overlapSeconds * 1000);
    if (rotated.status !== 'rotated') throw new Error(rotated.status);
    return app.secret(rotated.newSecret ?? '');
  };
  // A server that has not met the client yet: what another remembers of it is tested below.
  const works = async (...secrets: string[]) => {
    const fresh = await app.another();
    return Promise.all(
      secrets.map(async (one) => (await fresh.form('/revoke', anyToken, [client_id, one])).status),
    );
  };
  const second = await rotate(3600);
  t.deepEqual(await works(secret, second), [200, 200]);
  app.advance(3600);
  t.deepEqual(await works(secret, second), [401, 200]);
  const third = await rotate(0);
  t.deepEqual(await works(secret, second, third), [401, 401, 200]);
});

testEachDatabase(
  'POST /revoke refuses a suspended client within a second at every server, and lets it in again',
  async (t, app) => {
    const client = await app.addClient();
    const admin = await app.addClient({ permissions: ['admin'] });
    const other = await app.another();
    t.is((await other.form('/revoke', anyToken, client)).status, 200);
    t.is((await app.form('/revoke', anyToken, client)).status, 200);
    for (const [change, status] of [
      ['disable', 401],
      ['enable', 200],
    ] as const) {
      await app.request('POST', `/v1/clients/${client.client_id}/${change}`, { auth: admin });
      const changedAt = performance.now();
      t.is((await app.form('/revoke', anyToken, client)).status, status, 'at once where it was changed');
      t.true(await waitFor(other, client, status, changedAt + 1000), change);
    }
  },
);

testEachDatabase(
  'POST /revoke looks up once whoever fails, known or not, and lets a client in as soon as it is made',
  async (t, app) => {
    const admin = await app.addClient({ permissions: ['admin'] });
    const { client_id } = await app.addClient();
    const lookUpsOf = async (id: string) => {
      const before = app.store.asked.length;
      t.is((await app.form('/revoke', anyToken, [id, 'wrong'])).status, 401);
      return app.store.asked.slice(before);
    };
    t.deepEqual(await lookUpsOf(client_id), ['unvouched']);
    t.deepEqual(await lookUpsOf('made-later'), ['unvouched']);
    const other = await app.another();
    t.is((await other.form('/revoke', anyToken, ['made-later', 'wrong'])).status, 401);
    const { body } = await app.json('/v1/clients', { client_id: 'made-later' }, admin);
    const made = { client_id: 'made-later', secret: app.secret(body.client_secret) };
    const madeAt = performance.now();
    t.is((await app.form('/revoke', anyToken, made)).status, 200, 'at once where it was made');
    t.true(await waitFor(other, made, 200, madeAt + 1000));
  },
);

/** Does the server answer so before `deadline`? Requests that begin before it count. */
async function waitFor(app: TestApp, client: TestClient, status: number, deadline: number): Promise<boolean> {
  for (;;) {
    const began = performance.now();
    if ((await app.form('/revoke', anyToken, client)).status === status) return true;
    if (began > deadline) return false;
  }
}

testEachDatabase('POST /revoke writes no id down that is not the id of a client', async (t, app) => {
  const pasted = app.secret('a-secret-in-the-wrong-field');
  await app.form('/revoke', anyToken, [pasted, 'x']);
  t.is((await app.events('client_auth_failed'))[0]?.clientId, null);
});

testEachDatabase('GET /v1/clients asks for authentication, then for the permission', async (t, app) => {
  const weak = await app.addClient({ permissions: ['audit'] });
  const none = await app.get('/v1/clients');
  t.is(none.status, 401);
  t.deepEqual(none.body, {
    type: '/problems/invalid_client',
    title: 'Client authentication failed',
    status: 401,
    detail: 'client authentication is missing',
    code: 'invalid_client',
  });
  const either = `${basicChallenge}, Bearer realm="revocation-server"`;
  t.is(none.headers['www-authenticate'], either, 'both are taken (RFC 6750 §3)');
  const wrong = await app.get('/v1/clients', [weak.client_id, 'wrong']);
  t.deepEqual([wrong.status, wrong.body.code], [401, 'invalid_client']);
  const without = await app.get('/v1/clients', weak);
  t.deepEqual([without.status, without.body.code], [403, 'insufficient_permission']);
  t.is(without.body.detail, 'this needs the permission admin');
});

testEachDatabase(
  'POST /revoke answers 503, not 401, when the store cannot say who is calling',
  async (t, app) => {
    const client = await app.addClient();
    app.store.fault = 'everything';
    for (const auth of [client, [client.client_id, 'wrong'] as const]) {
      const reply = await app.form('/revoke', anyToken, auth);
      t.is(reply.status, 503);
      t.is(reply.headers['retry-after'], '1');
    }
  },
);
