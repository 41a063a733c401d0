// One server of several processes, as its callers see it: whichever worker a connection comes to, the answers
// are those of one server.
import { setTimeout } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { api } from '../helpers/app.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { newKey } from '../helpers/issuer.ts';
import type { TestClient } from '../helpers/requests.ts';
import { addClients, call, launch, type ServerProcess } from '../helpers/server-process.ts';

/** Starting four processes takes long on a machine that is busy with other tests. */
const patienceMs = 120_000;
const settings = { WORKERS: '3', LOG_LEVEL: 'debug', SEED_DEMO: 'no' };
const connections = 30;

/** The same call over many connections at once. */
function everywhere<T>(ask: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: connections }, ask));
}

function register(url: string, client: TestClient, token: string) {
  const now = Math.floor(Date.now() / 1000);
  const json = { token, token_use: 'access_token', client_id: 'app', sub: 'u1', iat: now, exp: now + 3600 };
  return call(url, '/v1/tokens', client, { json });
}

/** Resolves when all three have answered requests to this route: their lines may come after their answers. */
function allServed(server: ServerProcess, route: string): Promise<true> {
  return eventually(() => {
    const lines = server.log().filter((line) => line.msg === 'request' && line.route === route);
    return new Set(lines.map(({ pid }) => pid)).size === 3 || undefined;
  });
}

testEachStore(
  'three workers: a token whose revocation one has answered is active at none of them',
  async (t, database) => {
    t.timeout(patienceMs);
    const env = { DATABASE_URL: database.url, ...settings };
    const {
      issuer,
      app,
      api: observer,
    } = await addClients(database.url, {
      issuer: ['register'],
      app: [],
      api: ['introspect:any'],
    });
    const server = await launch(t, env);
    const { url } = server;
    t.is(server.log().filter(({ msg }) => msg === 'listening').length, 1);
    for (const token of Array.from({ length: 5 }, (_, n) => `access-token-number-${n}-of-the-test`)) {
      t.is((await register(url, issuer, token)).status, 201);
      const isActive = async () =>
        (await call(url, '/introspect', observer, { form: { token } })).body.active as boolean;
      t.deepEqual(new Set(await everywhere(isActive)), new Set([true]));
      t.is((await call(url, '/revoke', app, { form: { token } })).body.status, 'revoked');
      t.deepEqual(new Set(await everywhere(isActive)), new Set([false]));
    }
    t.true(await allServed(server, '/introspect'));

    const token = 'a-token-that-all-revoke-at-once';
    await register(url, issuer, token);
    const revoke = async () => (await call(url, '/revoke', app, { form: { token } })).body.status as string;
    const answers = await everywhere(revoke);
    t.deepEqual(answers.toSorted(), [...Array(connections - 1).fill('already_inactive'), 'revoked']);
    t.true(await allServed(server, '/revoke'));
  },
);

testEachStore(
  'three workers: what an administrator changes at one counts at all when it is answered',
  async (t, database) => {
    t.timeout(patienceMs);
    const env = { DATABASE_URL: database.url, ...settings, AUTH_FAILURES_PER_MINUTE_MAX: '100000' };
    const { admin, api: observer } = await addClients(database.url, {
      admin: ['admin'],
      api: ['introspect:any'],
    });
    const server = await launch(t, env);
    const { url } = server;
    const key = await newKey('ES256', 'k1');
    const token = await new SignJWT({ client_id: 'app', aud: api })
      .setProtectedHeader({ alg: key.alg, kid: 'k1' })
      .setIssuer('https://id.example')
      .setSubject('u1')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(key.privateKey);
    const ask = async (secret: string) => {
      const { status, body } = await call(url, '/introspect', { ...observer, secret }, { form: { token } });
      return status === 200 ? (body.active as boolean) : status;
    };
    /** While the change is made, every worker keeps what it remembers warm. */
    const change = async (path: string, json: object = {}, method = 'POST') => {
      let isDone = false;
      const asking = Array.from({ length: 6 }, async () => {
        while (!isDone) await ask(observer.secret);
      });
      await setTimeout(100);
      const { status, body } = await call(url, path, admin, { json, method });
      isDone = true;
      const all = { old: new Set(await everywhere(() => ask(observer.secret))), status, body };
      await Promise.all(asking);
      return all;
    };
    const only = (...answers: (boolean | number)[]) => new Set(answers);
    const issuer = '/v1/issuers/https%3A%2F%2Fid.example';

    t.deepEqual(only(...(await everywhere(() => ask(observer.secret)))), only(false));
    const record = { issuer: 'https://id.example', audiences: [api], jwks: { keys: [key.jwk] } };
    t.like(await change('/v1/issuers', record), { status: 201, old: only(true) });
    t.like(await change(`${issuer}/disable`), { status: 200, old: only(false) });
    t.like(await change(`${issuer}/enable`), { status: 200, old: only(true) });
    const narrowed = await change(issuer, { audiences: ['https://other.example'] }, 'PATCH');
    t.like(narrowed, { status: 200, old: only(false) });
    t.like(await change(issuer, { audiences: [api] }, 'PATCH'), { status: 200, old: only(true) });
    t.like(await change('/v1/clients/api', { permissions: [] }, 'PATCH'), { status: 200, old: only(403) });
    const back = await change('/v1/clients/api', { permissions: ['introspect:any'] }, 'PATCH');
    t.like(back, { status: 200, old: only(true) });
    t.like(await change('/v1/clients/api/disable'), { status: 200, old: only(401) });
    t.like(await change('/v1/clients/api/enable'), { status: 200, old: only(true) });
    const rotated = await change('/v1/clients/api/rotate-secret', { overlap_seconds: 0 });
    t.like(rotated, { status: 200, old: only(401) });
    t.deepEqual(only(...(await everywhere(() => ask(rotated.body.client_secret)))), only(true));
    t.true(await allServed(server, '/introspect'));
  },
);

testEachStore(
  'three workers: failed authentications are counted together, and codes of one count at all',
  async (t, database) => {
    t.timeout(patienceMs);
    const env = { DATABASE_URL: database.url, ...settings, AUTH_FAILURES_PER_MINUTE_MAX: '5' };
    const { api: observer, ops: operator } = await addClients(database.url, {
      api: ['introspect:any'],
      ops: ['revoke:any'],
    });
    const server = await launch(t, env);
    const statusOf = async (secret: string) =>
      (await call(server.url, '/introspect', { ...observer, secret }, { form: { token: 'x' } })).status;
    const statuses = await everywhere(() => statusOf('not-the-secret'));
    t.deepEqual(statuses.toSorted(), [...Array(5).fill(401), ...Array(connections - 5).fill(429)]);
    t.deepEqual(new Set(await everywhere(() => statusOf(observer.secret))), new Set([200]));
    t.true(await allServed(server, '/introspect'));

    const order = { target: { kind: 'client', client_id: 'web' }, reason: 'admin' };
    const send = (json: object) => call(server.url, '/v1/revocations', operator, { json });
    const { code } = (await send({ ...order, dry_run: true })).body.confirm;
    const answers = await everywhere(async () => (await send({ ...order, confirm: code })).status);
    t.deepEqual(new Set(answers), new Set([201]));
    t.true(await allServed(server, '/v1/revocations'));
  },
);

testEachStore(
  'three workers: GET /metrics of any is the sum of all, and tells of the database once',
  async (t, database) => {
    t.timeout(patienceMs);
    const env = { DATABASE_URL: database.url, ...settings, SEAL_INTERVAL_SECONDS: '0' };
    const { api: client } = await addClients(database.url, { api: ['introspect:any', 'metrics'] });
    const server = await launch(t, env);
    await everywhere(() => call(server.url, '/introspect', client, { form: { token: 'x' } }));
    for (const { text } of [...(await everywhere(() => call(server.url, '/metrics', client))).slice(0, 6)]) {
      const valuesOf = (name: string) =>
        text
          .split('\n')
          .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
          .map((line) => line.replace(/.* /, ''));
      const answered = 'revocation_http_requests_total{method="POST",route="/introspect",status="200"}';
      t.true(text.includes(`\n${answered} ${connections}\n`), text);
      t.true(text.includes(`\nrevocation_http_request_seconds_count{route="/introspect"} ${connections}\n`));
      // The client's creation is the one event.
      t.deepEqual(valuesOf('revocation_audit_unsealed_events'), ['1']);
      t.deepEqual(valuesOf('revocation_purge_last_success_seconds'), ['0']);
      t.is(valuesOf('process_resident_memory_bytes').length, 1);
    }
    t.true(await allServed(server, '/metrics'));
  },
);
