// How workers end: killed under load, killed again and again, told to stop, left alone by the first process;
// and what is told when they cannot start.
import { once } from 'node:events';
import { copyFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { folderOf } from '../helpers/folders.ts';
import { run } from '../helpers/run.ts';
import {
  addClients,
  beginRegistration,
  call,
  isRefused,
  launch,
  type ServerProcess,
} from '../helpers/server-process.ts';

/** Starting four processes takes long on a machine that is busy with other tests. */
const patienceMs = 120_000;
const settings = { WORKERS: '3', LOG_LEVEL: 'debug', SEED_DEMO: 'no', SEAL_INTERVAL_SECONDS: '0' };

/** The processes that serve, found by asking until as many as there should be have answered. */
function workersOf(server: ServerProcess, count = 3): Promise<number[]> {
  return eventually(async () => {
    await (await fetch(`${server.url}/health/alive`, { headers: { connection: 'close' } })).text();
    const ended = server.log().map(({ worker, ended_with }) => (ended_with ? worker : undefined));
    const pids = server.log().flatMap(({ msg, pid }) => (msg === 'request' ? [pid as number] : []));
    const alive = [...new Set(pids)].filter((pid) => !ended.includes(pid));
    return alive.length === count ? alive : undefined;
  });
}

function temporaryDatabase(t: ExecutionContext): string {
  return `sqlite:${join(folderOf(t), 'test.sqlite')}`;
}

/** The lines about workers that took the place of another. */
function replacedOf(server: ServerProcess): Record<string, unknown>[] {
  return server.log().filter(({ msg }) => /in its place listens/.test(String(msg)));
}

testEachStore(
  'a worker killed under load loses no revocation that was answered, and is replaced',
  async (t, database) => {
    t.timeout(patienceMs);
    const clients = { issuer: ['register'], app: [], api: ['introspect:any', 'metrics'] } as const;
    const { issuer, app, api } = await addClients(database.url, clients);
    const server = await launch(t, { DATABASE_URL: database.url, ...settings });
    const tokens = Array.from({ length: 120 }, (_, n) => `access-token-number-${n}-of-the-test`);
    const now = Math.floor(Date.now() / 1000);
    const rest = { token_use: 'access_token', client_id: 'app', iat: now, exp: now + 3600 };
    const json = tokens.map((token) => ({ token, ...rest }));
    t.is((await call(server.url, '/v1/tokens', issuer, { json })).status, 200);
    const [victim] = await workersOf(server);
    const isActive = async (token: string) =>
      (await call(server.url, '/introspect', api, { form: { token } })).body.active as boolean;
    /** What was under way at the killed worker has no answer, and is asked again. */
    const insist = async <T>(ask: () => Promise<T>): Promise<T> =>
      eventually(() => ask().catch(() => undefined));

    let answered = 0;
    const alive: string[] = [];
    const waiting = [...tokens];
    const revokeAll = async () => {
      for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
        const form = { token };
        const { status } = await insist(() => call(server.url, '/revoke', app, { form }));
        t.is(status, 200);
        if (++answered === 40) process.kill(victim as number, 'SIGKILL');
        if (await insist(() => isActive(form.token))) alive.push(form.token);
      }
    };
    await Promise.all(Array.from({ length: 8 }, revokeAll));
    t.deepEqual(alive, [], 'active after their revocation was answered');

    const line = await eventually(() => server.log().find(({ ended_with }) => ended_with === 'SIGKILL'));
    t.like(line, { worker: victim, level: 50 });
    const next = await eventually(() => replacedOf(server)[0]);
    t.not(next.worker, victim);
    t.is(next.url, server.url);
    t.true((await workersOf(server)).includes(next.worker as number));
    t.deepEqual((await Promise.all(tokens.map(isActive))).filter(Boolean), []);
    t.is(await server.end('SIGTERM'), 0);
    t.is(server.log().at(-1)?.msg, 'stopped');
  },
);

testEachStore(
  'when all workers were killed sealing goes on, and what they had counted stays in the metrics',
  async (t, database) => {
    t.timeout(patienceMs);
    const { api } = await addClients(database.url, { api: ['introspect:any', 'metrics'] });
    const env = { DATABASE_URL: database.url, ...settings, SEAL_INTERVAL_SECONDS: '1' };
    const server = await launch(t, { ...env, SEAL_KEY_FILE: join(folderOf(t), 'seal.json') });
    let { url } = server;
    const scrape = async () => (await call(url, '/metrics', api)).text;
    const answered = async () =>
      Number(/^revocation_http_requests_total\{.*route="\/introspect".*\} (\d+)$/m.exec(await scrape())?.[1]);
    const isSealed = async () =>
      /^revocation_audit_unsealed_events 0$/m.test(await scrape()) ? true : undefined;
    for (let n = 0; n < 12; n++) await call(url, '/introspect', api, { form: { token: 'x' } });
    t.is(await answered(), 12);
    t.true(await eventually(isSealed));
    for (const pid of await workersOf(server)) process.kill(pid, 'SIGKILL');
    // No worker held the port meanwhile, and PORT=0 is any that is free.
    ({ url } = (await eventually(() => replacedOf(server)[2])) as { url: string });
    await addClients(database.url, { another: [] });
    t.true(await eventually(isSealed));
    t.is(await answered(), 12);
  },
);

testEachStore('SIGTERM lets the open requests of all workers end, and exits with 0', async (t, database) => {
  t.timeout(patienceMs);
  const { issuer } = await addClients(database.url, { issuer: ['register'] });
  const server = await launch(t, { DATABASE_URL: database.url, ...settings });
  const tokens = Array.from({ length: 6 }, (_, n) => `access-token-number-${n}-of-the-test`);
  const open = await Promise.all(tokens.map((token) => beginRegistration(server.url, issuer, token)));
  const ended = server.end('SIGTERM');
  await eventually(() => isRefused(server.url));
  const answers = await Promise.all(open.map((end) => end()));
  t.deepEqual(answers, Array(6).fill([201, 'registered', 'close']));
  t.is(await ended, 0);
  t.is(server.log().at(-1)?.msg, 'stopped');
  const pids = server
    .log()
    .flatMap(({ msg, route, pid }) => (msg === 'request' && route === '/v1/tokens' ? pid : []));
  t.is(new Set(pids).size, 3);
});

test.serial('a worker that ends again and again ends the server, with 1', async (t) => {
  const server = await launch(t, { DATABASE_URL: temporaryDatabase(t), ...settings });
  let [victim] = await workersOf(server);
  for (let n = 1; n < 5; n++) {
    process.kill(victim as number, 'SIGKILL');
    const next = await eventually(() => replacedOf(server)[n - 1]);
    victim = next.worker as number;
  }
  process.kill(victim as number, 'SIGKILL');
  t.is(await server.end(), 1);
  const [line] = server.log().filter(({ level }) => level === 60);
  t.regex(String(line?.msg), /the server gives up/);
  t.is(server.log().at(-1)?.msg, 'stopped');
});

test.serial('a worker that cannot be started again ends the server, too, and the log says why', async (t) => {
  const program = join(folderOf(t), 'node');
  await copyFile(process.execPath, program);
  const server = await launch(t, { DATABASE_URL: temporaryDatabase(t), ...settings }, program);
  const [victim] = await workersOf(server);
  await rm(program);
  process.kill(victim as number, 'SIGKILL');
  t.is(await server.end(), 1);
  const lines = server.log().filter(({ failure }) => failure);
  t.is(lines.length, 4);
  for (const { failure } of lines) t.regex(String(failure), /^No process could be started .*\(ENOENT\)$/);
  t.regex(String(lines.at(-1)?.msg), /the server gives up/);
  t.is(server.log().at(-1)?.msg, 'stopped');
});

test.serial('more connections than files may be open make nobody wait once they have ended', async (t) => {
  const args = ['-c', 'ulimit -n 200 && exec "$0" dist/src/main.js', process.execPath];
  const env = { DATABASE_URL: temporaryDatabase(t), ...settings, WORKERS: '2' };
  const server = await launch(t, env, '/bin/sh', args);
  t.is(server.log().filter(({ open_files_max }) => open_files_max === 200).length, 2);
  const { hostname, port } = new URL(server.url);
  const sockets: Socket[] = [];
  for (let n = 0; n < 500; n++) {
    const socket = connect(Number(port), hostname).on('error', () => {});
    sockets.push(socket);
    socket.write('GET /health/alive HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
  }
  t.true(sockets.some(({ destroyed }) => destroyed));
  for (const socket of sockets) socket.destroy();
  // A worker that has not read yet that its connections ended closes one more at once: it is asked again.
  const workers = await eventually(() => workersOf(server, 2).catch(() => undefined));
  t.is(workers.length, 2);
  t.is(await server.end('SIGTERM'), 0);
});

test.serial('workers do not outlive the first process', async (t) => {
  const server = await launch(t, { DATABASE_URL: temporaryDatabase(t), ...settings });
  await server.end('SIGKILL');
  t.true(await eventually(() => isRefused(server.url)));
});

test.serial('what keeps the workers from starting is told once, with its remedy', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const PORT = String((taken.address() as AddressInfo).port);
  const env = { DATABASE_URL: temporaryDatabase(t), ...settings, PORT };
  const { code, stdout, stderr } = await run(process.execPath, ['dist/src/main.js'], env);
  t.is(code, 1);
  t.is(stderr.match(/:\d+ is taken\./g)?.length, 1);
  t.is(stderr.trim().split('\n').length, 1);
  t.notRegex(stdout, /listening/);
  const { stderr: refused } = await run(process.execPath, ['dist/src/main.js'], { ...env, WORKERS: '65' });
  t.is(refused.match(/WORKERS: is not a whole number in range\. Give one from 1 to 64\./g)?.length, 1);
});
