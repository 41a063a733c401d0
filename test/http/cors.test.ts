// CORS at /revoke and /logout: the origins that enabled clients list, on success, error and preflight alike.
import { testEachDatabase } from '../helpers/each-database.ts';
import type { Reply } from '../helpers/requests.ts';

const origin = 'https://app.example';
const stranger = 'https://evil.example';

function corsOf({ headers }: Reply): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^access-control-/.test(name)));
}

testEachDatabase(
  'POST /revoke and /logout echo a listed origin, on success and error alike',
  async (t, app) => {
    const client = await app.addClient({ authMethod: 'none', allowedOrigins: [origin] });
    const headers = { Origin: origin };
    const { client_id } = client;
    const replies: Record<number, Reply> = {};
    for (const reply of [
      await app.form('/revoke', { token: 'x', client_id }, undefined, { headers }),
      await app.form('/revoke', {}, undefined, { headers }),
      await app.form('/revoke', 'token=x&token=y', undefined, { headers }),
      await app.json('/logout', { refresh_token: 'x' }, undefined, { headers }),
      await app.json('/logout', {}, undefined, { headers }),
      await app.request('GET', '/logout', { headers }),
      await app.form('/revoke', 'x'.repeat(70_000), undefined, { headers }),
    ]) {
      replies[reply.status] = reply;
      t.deepEqual(corsOf(reply), {
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'X-Request-Id, Retry-After, WWW-Authenticate, Revocation-Seq',
      });
      t.is(reply.headers.vary, 'Origin');
    }
    t.deepEqual(Object.keys(replies), ['200', '400', '401', '405', '413']);
  },
);

testEachDatabase('OPTIONS /revoke and /logout tell a listed origin what it may send', async (t, app) => {
  await app.addClient({ authMethod: 'none', allowedOrigins: ['https://other.example', origin] });
  const headers = { Origin: origin, 'Access-Control-Request-Method': 'POST' };
  for (const path of ['/revoke', '/logout']) {
    const reply = await app.request('OPTIONS', path, { headers });
    t.is(reply.status, 204);
    t.is(reply.headers.allow, 'POST, OPTIONS');
    t.deepEqual(corsOf(reply), {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'X-Request-Id, Retry-After, WWW-Authenticate, Revocation-Seq',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Request-Id',
      'access-control-max-age': '600',
    });
  }
});

testEachDatabase(
  'POST /revoke and /logout say nothing to an origin that no enabled client lists',
  async (t, app) => {
    await app.addClient({ authMethod: 'none', allowedOrigins: [origin] });
    for (const Origin of [
      stranger,
      'null',
      `${origin}.evil.example`,
      `${origin}:8443`,
      'HTTPS://APP.EXAMPLE',
    ]) {
      for (const path of ['/revoke', '/logout']) {
        const preflight = await app.request('OPTIONS', path, { headers: { Origin } });
        t.is(preflight.status, 204);
        const reply = await app.form(path, { token: 'x' }, undefined, { headers: { Origin } });
        t.deepEqual({ ...corsOf(preflight), ...corsOf(reply) }, {}, Origin);
        t.is(reply.headers.vary, 'Origin');
      }
    }
  },
);

testEachDatabase(
  'POST /logout no longer knows the origins of a client that was suspended',
  async (t, app) => {
    const client = await app.addClient({ authMethod: 'none', allowedOrigins: [origin] });
    const admin = await app.addClient({ permissions: ['admin'] });
    const call = () =>
      app.json('/logout', { refresh_token: 'x' }, undefined, { headers: { Origin: origin } });
    t.is((await call()).headers['access-control-allow-origin'], origin);
    await app.request('POST', `/v1/clients/${client.client_id}/disable`, { auth: admin });
    t.deepEqual(corsOf(await call()), {});
  },
);

testEachDatabase('POST /revoke lets a browser read that the store fails', async (t, app) => {
  const client = await app.addClient({ authMethod: 'none', allowedOrigins: [origin] });
  const fields = { token: 'x', client_id: client.client_id };
  const headers = { Origin: origin };
  await app.form('/revoke', fields, undefined, { headers });
  app.store.fault = 'everything';
  const reply = await app.form('/revoke', fields, undefined, { headers });
  t.is(reply.status, 503);
  t.is(reply.headers['access-control-allow-origin'], origin);
});
