// Stopping under load: who asked is answered, who is sent away finds the port closed, and of two servers on one database
// the other goes on.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { migratedDatabase } from '../helpers/databases.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { authorization, encodeForm, type TestClient } from '../helpers/requests.ts';
import { addClients, call, launch } from '../helpers/server-process.ts';

const patienceMs = 120_000;
// Longer than a test may take: whatever waits for its end fails.
const settings = { SEED_DEMO: 'no', SHUTDOWN_GRACE_SECONDS: '600' };
const connections = 50;

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly isLast: boolean;
}

interface Caller {
  /**
   * Rejects if the connection ends without an answer. Undefined if it had been silent for so long that a server which
   * stops may end it: on a machine this busy the call may have come too late.
   */
  post(path: string, token: string): Promise<Answer | undefined>;
}

/** As long as connections may be silent while the server stops. */
const silenceMs = 1_000;

/** Calls over one connection, which is kept. */
function callerOf(t: ExecutionContext, url: string, client: TestClient): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const headers = {
    authorization: authorization(client),
    'content-type': 'application/x-www-form-urlencoded',
  };
  let lastCallAt = performance.now();
  return {
    async post(path, token) {
      const before = lastCallAt;
      lastCallAt = performance.now();
      const sent = request(`${url}${path}`, { agent, method: 'POST', headers }).end(encodeForm({ token }));
      try {
        const [response] = await once(sent, 'response');
        const body = JSON.parse(await text(response));
        return { status: response.statusCode, body, isLast: response.headers.connection === 'close' };
      } catch (error) {
        const wasSilent = performance.now() - before > silenceMs;
        // The end of the connection may be noticed before the next call is sent: that one makes a connection anew.
        const ofAnEndedConnection = sent.reusedSocket ? 'ECONNRESET' : 'ECONNREFUSED';
        if (wasSilent && (error as NodeJS.ErrnoException).code === ofAnEndedConnection) return undefined;
        throw error;
      }
    },
  };
}

for (const WORKERS of ['1', '3'])
  testEachStore(
    `SIGTERM under load leaves no request without an answer, with WORKERS=${WORKERS}`,
    async (t, database) => {
      t.timeout(patienceMs);
      const { api } = await addClients(database.url, { api: ['introspect:any'] });
      const server = await launch(t, { DATABASE_URL: database.url, ...settings, WORKERS });
      let begun = () => {};
      const allBegan = new Promise<void>((resolve) => {
        let waiting = connections;
        begun = () => --waiting || resolve();
      });
      const callUntilSentAway = async () => {
        const { post } = callerOf(t, server.url, api);
        for (let n = 0; ; n++) {
          const answer = await post('/introspect', 'a-token-of-the-test');
          t.is(answer?.status ?? 200, 200);
          if (answer?.isLast ?? true) {
            const refused = await t.throwsAsync(fetch(server.url));
            return t.like(refused?.cause, { code: 'ECONNREFUSED' });
          }
          if (n === 0) begun();
        }
      };
      const calls = Promise.all(Array.from({ length: connections }, callUntilSentAway));
      await Promise.race([allBegan, calls]);
      const ended = server.end('SIGTERM');
      await calls;
      t.is(await ended, 0);
    },
  );

for (const WORKERS of ['1', '2'])
  test(`a stop does not wait for a database that hangs, with WORKERS=${WORKERS}`, async (t) => {
    t.timeout(patienceMs);
    const database = await migratedDatabase('postgres');
    t.teardown(database.drop);
    const { api } = await addClients(database.url, { api: ['introspect:any'] });
    const env = { ...settings, DATABASE_URL: database.url, SHUTDOWN_GRACE_SECONDS: '1', WORKERS };
    const server = await launch(t, env);
    const other = new pg.Client({ connectionString: database.url });
    await other.connect();
    t.teardown(() => other.end());
    await other.query('begin; lock table heads in access exclusive mode');
    const cutOff = t.throwsAsync(callerOf(t, server.url, api).post('/introspect', 'a-token-of-the-test'));
    const waiting = `select from pg_locks where relation = 'heads'::regclass and not granted`;
    await eventually(async () => (await other.query(waiting)).rows[0]);
    t.is(await server.end('SIGTERM'), 0);
    await cutOff;
    t.true(server.log().some(({ msg }) => /^the database did not answer to the end/.test(String(msg))));
  });

test('of two servers on one Postgres, one is stopped and started while tokens are revoked at both: no call fails, none comes back', async (t) => {
  t.timeout(patienceMs);
  const database = await migratedDatabase('postgres');
  t.teardown(database.drop);
  const env = { DATABASE_URL: database.url, ...settings };
  const clients = { issuer: ['register'], app: [], api: ['introspect:any'] } as const;
  const { issuer, app, api } = await addClients(database.url, clients);
  const [first, second] = await Promise.all([launch(t, env), launch(t, env)]);
  const tokens = Array.from({ length: 300 }, (_, n) => `access-token-number-${n}-of-the-test`);
  const now = Math.floor(Date.now() / 1000);
  const rest = { token_use: 'access_token', client_id: 'app', iat: now, exp: now + 3600 };
  const json = tokens.map((token) => ({ token, ...rest }));
  t.is((await call(first.url, '/v1/tokens', issuer, { json })).status, 200);

  const statuses = new Set<unknown>();
  const isActive = async (introspector: Caller, token: string) => {
    const answer = await introspector.post('/introspect', token);
    statuses.add(answer?.status);
    return answer?.body.active;
  };
  const waiting = [...tokens];
  const comeBack: string[] = [];
  let stopped: Promise<number | null> | undefined;
  /** Revokes at one server until it is sent away, then at the other; each time the other one is asked. */
  const revokeAll = async (urls: readonly string[]) => {
    const [here = '', there = ''] = urls;
    const [revoker, introspector] = [callerOf(t, here, app), callerOf(t, there, api)];
    for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
      const answer = await revoker.post('/revoke', token);
      if (!answer) waiting.push(token);
      else {
        t.is(answer.body.status, 'revoked');
        statuses.add(answer.status);
      }
      if (waiting.length < 200) stopped ??= first.end('SIGTERM');
      if (answer?.isLast ?? true) return revokeAll([there, there]);
      if (stopped === undefined && (await isActive(introspector, token))) comeBack.push(token);
    }
  };
  const { url: at } = second;
  const both = [first.url, at];
  await Promise.all(Array.from({ length: 20 }, (_, n) => revokeAll(n % 2 === 0 ? both : [at, at])));
  t.is(await stopped, 0);
  const again = await launch(t, env);
  for (const url of [again.url, at]) {
    const introspector = callerOf(t, url, api);
    for (const token of tokens) if (await isActive(introspector, token)) comeBack.push(token);
  }
  t.deepEqual([comeBack, [...statuses]], [[], [200]]);
});
