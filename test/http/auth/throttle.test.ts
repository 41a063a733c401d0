// Failed authentications are throttled, without locking anyone out, and counted in the audit trail.
import test from 'ava';
import { Throttle } from '../../../src/http/auth/throttle.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import type { TestClient } from '../../helpers/requests.ts';

const anyToken = { token: 'nobody-registered-this' };

test.serial('nobody is told to wait for longer than a minute, even if the clock was set back', async (t) => {
  const throttle = new Throttle(1, false);
  await throttle.fail('a', '192.0.2.1');
  const { now } = Date;
  try {
    Date.now = () => now() - 86_400_000;
    t.is(await throttle.fail('a', '192.0.2.1'), 60);
  } finally {
    Date.now = now;
  }
});

test.serial('a failure that cannot be counted is treated as one too many', async (t) => {
  const { send } = process;
  // The first process, which would count for this one, does not answer.
  process.send = () => true;
  t.teardown(() => Object.assign(process, { send }));
  t.is(await new Throttle(5, true).fail('a', '192.0.2.1'), 1);
});

testEachDatabase(
  'POST /revoke throttles failures by client and address, and never a right secret',
  async (t, app) => {
    const [client, neighbour] = [await app.addClient(), await app.addClient()];
    const from = (address: string, { client_id }: TestClient, secret = 'wrong') =>
      app.form('/revoke', anyToken, [client_id, secret], { headers: { 'X-Forwarded-For': address } });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) statuses.push((await from('192.0.2.1', client)).status);
    t.deepEqual(statuses, [401, 401, 401, 429, 429]);
    const throttled = await from('192.0.2.1', client);
    t.deepEqual(throttled.body, {
      error: 'temporarily_unavailable',
      error_description: 'too many failed authentications, try again later',
    });
    t.true(Number(throttled.headers['retry-after']) > 1);
    t.is((await from('192.0.2.1', client, client.secret)).status, 200, 'a right secret');
    t.is((await from('192.0.2.1', neighbour)).status, 401, 'another client at this address');
    t.is((await from('192.0.2.2', client)).status, 401, 'this client at another address');
    for (const hop of ['192.0.2.1:5678', '192.0.2.1:9'])
      t.is((await from(hop, client)).status, 429, 'the port is no part of the address');
    for (const hop of ['[2001:db8::7]:443', '[2001:db8::8]', '[2001:db8:1::7]:443'])
      t.is((await from(hop, client)).status, 401, hop);
  },
  { AUTH_FAILURES_PER_MINUTE_MAX: '3', TRUST_PROXY: '127.0.0.1' },
);

testEachDatabase(
  'POST /revoke throttles an address that tries many clients, a whole /64 of IPv6 as one',
  async (t, app) => {
    const client = await app.addClient();
    const attempt = (n: number, secret = 'wrong', network = '2001::5:6:7:8') =>
      app.form('/revoke', anyToken, [secret === 'wrong' ? `client-${n}` : client.client_id, secret], {
        headers: { 'X-Forwarded-For': `${network}:${n.toString(16)}` },
      });
    const statuses: number[] = [];
    for (let n = 1; n <= 12; n++) statuses.push((await attempt(n)).status);
    t.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
    t.is((await attempt(13, client.secret)).status, 200);
    t.is((await attempt(14, 'wrong', '2001::6:6:7:8')).status, 401, 'another network');
  },
  { AUTH_FAILURES_PER_MINUTE_MAX: '1', TRUST_PROXY: '127.0.0.1' },
);

testEachDatabase(
  'POST /revoke believes no address that an untrusted peer claims',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const statuses: number[] = [];
    for (let n = 1; n <= 3; n++) {
      const headers = { 'X-Forwarded-For': `192.0.2.${n}` };
      statuses.push((await app.form('/revoke', anyToken, [client_id, 'wrong'], { headers })).status);
    }
    t.deepEqual(statuses, [401, 401, 429]);
    t.is((await app.events('client_auth_failed'))[0]?.ip, '127.0.0.1');
  },
  { AUTH_FAILURES_PER_MINUTE_MAX: '2' },
);

testEachDatabase(
  'POST /revoke audits failed authentications singly at first, then as a count',
  async (t, app) => {
    const client = await app.addClient();
    for (let n = 0; n < 14; n++) await app.form('/revoke', anyToken, [client.client_id, 'wrong']);
    await app.form('/revoke', anyToken, ['secret-in-the-wrong-field', 'x']);
    const singly = await app.events('client_auth_failed');
    t.deepEqual(
      singly.map(({ clientId, actor, count }) => [clientId, actor.id, count]),
      Array.from({ length: 10 }, () => [client.client_id, null, 1]),
    );
  },
);
