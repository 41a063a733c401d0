// The real process: what survives kill -9, how it stops, what it refuses to start with, and what a newcomer
// and an operator see.
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { readPackageFile } from '../../src/package-root.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { publicUrl, TestApp } from '../helpers/app.ts';
import { migratedDatabase } from '../helpers/databases.ts';
import { dump, findSecrets } from '../helpers/dump.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { folderOf } from '../helpers/folders.ts';
import { authorization, encodeForm, linesOf, type TestClient } from '../helpers/requests.ts';
import { cli, run } from '../helpers/run.ts';
import {
  beginRegistration,
  createClient,
  isRefused,
  launch,
  type ServerProcess,
} from '../helpers/server-process.ts';

const noSeeds = { SEED_DEMO: 'no' };

async function postForm(url: string, fields: Record<string, string>, client: TestClient): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { authorization: authorization(client), 'content-type': 'application/x-www-form-urlencoded' },
    body: encodeForm(fields),
  });
}

async function register(url: string, client: TestClient, token: string): Promise<number> {
  const now = Math.floor(Date.now() / 1000);
  const body = { token, token_use: 'refresh_token', client_id: 'app', sub: 'u1', iat: now, exp: now + 3600 };
  const response = await fetch(`${url}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: authorization(client), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return response.status;
}

testEachStore(
  'a token whose revocation was answered 200 is dead after kill -9 and a new start',
  async (t, database) => {
    const env = { DATABASE_URL: database.url, ...noSeeds };
    const [issuer, app, api] = [
      await createClient(env, 'issuer', '--permission', 'register'),
      await createClient(env, 'app'),
      await createClient(env, 'api', '--permission', 'introspect:any'),
    ];
    const first = await launch(t, env);
    const tokens = Array.from({ length: 5 }, (_, n) => `refresh-token-number-${n}-of-the-test`);
    for (const token of tokens) t.is(await register(first.url, issuer, token), 201);
    for (const token of tokens.slice(1)) {
      const reply = await postForm(`${first.url}/revoke`, { token }, app);
      t.is(((await reply.json()) as { status: string }).status, 'revoked');
    }
    t.is(await first.end('SIGKILL'), null);
    const second = await launch(t, env);
    const active: boolean[] = [];
    for (const token of tokens) {
      const reply = await postForm(`${second.url}/introspect`, { token }, api);
      active.push(((await reply.json()) as { active: boolean }).active);
    }
    t.deepEqual(active, [true, false, false, false, false]);
    t.is(await second.end('SIGTERM'), 0);
    const secrets = [...tokens, issuer.secret, app.secret, api.secret];
    t.deepEqual(findSecrets(await dump(database), secrets), []);
    for (const { output } of [first, second]) t.false(secrets.some((secret) => output().includes(secret)));
  },
);

test('two processes on one Postgres: of 100 simultaneous revocations exactly one answers revoked', async (t) => {
  const database = await migratedDatabase('postgres');
  t.teardown(database.drop);
  const env = { DATABASE_URL: database.url, ...noSeeds };
  const issuer = await createClient(env, 'issuer', '--permission', 'register');
  const app = await createClient(env, 'app');
  const servers = await Promise.all([launch(t, env), launch(t, env)]);
  const url = (n: number) => (servers[n % 2] as ServerProcess).url;
  t.is(await register(url(0), issuer, 'one-refresh-token'), 201);
  const replies = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const reply = await postForm(`${url(n)}/revoke`, { token: 'one-refresh-token' }, app);
      return ((await reply.json()) as { status: string }).status;
    }),
  );
  t.is(replies.filter((status) => status === 'revoked').length, 1);
  t.is(replies.filter((status) => status === 'already_inactive').length, 99);
});

// Longer than a test may take: whatever waits for its end fails.
const patience = { SHUTDOWN_GRACE_SECONDS: '600' };
const keptAlive = () => new Agent({ keepAlive: true });

for (const signal of ['SIGTERM', 'SIGHUP'] as const)
  testEachStore(
    `${signal} lets an open request end, takes no new one, and exits with 0`,
    async (t, database) => {
      const env = { DATABASE_URL: database.url, ...noSeeds, ...patience };
      const issuer = await createClient(env, 'issuer', '--permission', 'register');
      const server = await launch(t, env);
      const end = await beginRegistration(server.url, issuer, 'a-token-of-the-test', keptAlive());
      const ended = server.end(signal);
      await eventually(() => isRefused(server.url));
      t.deepEqual(await end(), [201, 'registered', 'close']);
      t.is(await ended, 0);
      t.is(server.log().at(-1)?.msg, 'stopped');
    },
  );

test('a Ctrl-C that comes twice, as npm passes it on, lets open requests end', async (t) => {
  const database = await migratedDatabase('sqlite');
  t.teardown(database.drop);
  const env = { DATABASE_URL: database.url, ...noSeeds, ...patience };
  const issuer = await createClient(env, 'issuer', '--permission', 'register');
  const server = await launch(t, env);
  const end = await beginRegistration(server.url, issuer, 'a-token-of-the-test', keptAlive());
  const ended = server.end('SIGINT');
  await eventually(() => /stopping/.test(server.output()) || undefined);
  void server.end('SIGINT');
  await eventually(() => isRefused(server.url));
  t.deepEqual(await end(), [201, 'registered', 'close']);
  t.is(await ended, 0);
});

testEachStore(
  'what the command line changes is seen by a running server within a second',
  async (t, database) => {
    const env = { DATABASE_URL: database.url, ...noSeeds };
    const server = await launch(t, env);
    const client = await createClient(env, 'api', '--permission', 'introspect');
    const status = async (secret: string) => {
      const reply = await postForm(`${server.url}/introspect`, { token: 'x' }, { ...client, secret });
      await reply.text();
      return reply.status;
    };
    /** Requests that begin a second after the change must be answered so. */
    const becomes = async (secret: string, expected: number) => {
      for (const deadline = performance.now() + 1000; ; ) {
        const began = performance.now();
        if ((await status(secret)) === expected) return true;
        if (began > deadline) return false;
      }
    };
    t.true(await becomes(client.secret, 200), 'a new client');
    await cli(['client', 'disable', 'api'], env);
    t.true(await becomes(client.secret, 401), 'suspended');
    await cli(['client', 'enable', 'api'], env);
    t.true(await becomes(client.secret, 200), 'enabled');
    const rotated = await cli(['client', 'rotate-secret', 'api', '--overlap', '0', '--json'], env);
    const { client_secret: secret } = JSON.parse(rotated.stdout);
    t.true(await becomes(client.secret, 401), 'the old secret');
    t.is(await status(secret), 200, 'the new secret');
    const shown = await cli(['client', 'show', 'api', '--json'], env);
    t.is(JSON.parse(shown.stdout).secrets.length, 2);
    t.deepEqual(findSecrets(await dump(database), [client.secret, secret]), []);
  },
);

test('client create says what is wrong, and makes nothing', async (t) => {
  const folder = folderOf(t);
  const env = { DATABASE_URL: `sqlite:${join(folder, 'test.sqlite')}` };
  const weak = await cli(['client', 'create', '--id', 'c1', '--secret-stdin'], env, 'too-short\n');
  t.is(weak.code, 1);
  t.regex(weak.stderr, /under 32/);
  t.notRegex(weak.stderr, /too-short/);
  t.is((await cli(['client', 'create', '--id', 'c1', '--permission', 'everything'], env)).code, 1);
  const secret = 'a-secret-of-at-least-32-characters';
  const made = await cli(['client', 'create', '--id', 'c1', '--secret-stdin', '--json'], env, `${secret}\n`);
  t.is(made.code, 0);
  const again = await cli(['client', 'create', '--id', 'c1'], env);
  t.is(again.code, 1);
  t.regex(again.stderr, /There is a client with this id/);
  const listed = await cli(['client', 'list', '--json'], env);
  t.deepEqual(
    linesOf(listed.stdout).map((client) => client.client_id),
    ['c1'],
  );
});

test('production refuses insecure defaults, all at once and each with its remedy', async (t) => {
  for (const args of [['dist/src/main.js'], ['dist/src/cli/main.js', 'config', 'check']]) {
    const { code, stderr } = await run(process.execPath, args, { NODE_ENV: 'production' });
    t.is(code, 78);
    t.regex(stderr, /The configuration has 2 problem\(s\):/);
    t.regex(stderr, /DATABASE_URL: is missing\. Set it to /);
    t.regex(stderr, /PUBLIC_URL: is missing\. Set it to /);
  }
});

test('an older Node than package.json names is told what it lacks', async (t) => {
  const { engines, scripts, bin } = JSON.parse(readPackageFile('package.json'));
  const [, wanted = ''] = /^>=(\S+)/.exec(engines.node) ?? [];
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const startOn = (version: string, main: string) => {
    const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
    const args = ['--import', `data:text/javascript,${versions}`, ...main.split(' '), '--version'];
    return run(process.execPath, args, {});
  };
  const told = (version: string) => ({
    code: 1,
    stdout: '',
    stderr: `Node ${version} is too old for this server: run it on ${wanted} or newer.\n`,
  });
  const started = [scripts.start, scripts.cli].map((script) => /exec node (.*?\.js)/.exec(script)?.[1]);
  for (const main of new Set<string>([...started, bin['revocation-server']])) {
    for (const old of [`${major - 2}.99.0`, `${major}.${minor - 1}.9`])
      t.deepEqual(await startOn(old, main), told(old));
    for (const fit of [`${major}.${minor}.0`, `${major + 1}.0.0`]) t.is((await startOn(fit, main)).code, 0);
  }
});

testEachStore('HTTP is read strictly whatever Node was told', async (t, database) => {
  const env = { DATABASE_URL: database.url, ...noSeeds, NODE_OPTIONS: '--insecure-http-parser' };
  const { hostname, port } = new URL((await launch(t, env)).url);
  const ask = async (fields: string) => {
    const socket = connect(Number(port), hostname);
    socket.end(
      `GET /health/alive HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${fields}\r\n0\r\n\r\n`,
    );
    return (await text(socket)).split('\r\n')[0];
  };
  t.is(await ask(''), 'HTTP/1.1 200 OK');
  // What a proxy may read as another request (RFC 9112 §6.1, §11.2).
  t.is(await ask('Content-Length: 3\r\n'), 'HTTP/1.1 400 Bad Request');
});

test('npm start before npm ci says what is missing', async (t) => {
  const folder = folderOf(t);
  await writeFile(join(folder, 'package.json'), readPackageFile('package.json'));
  for (const script of ['start', 'cli']) {
    const { code, stderr } = await run('npm', ['--prefix', folder, 'run', '-s', script], {});
    t.is(code, 1);
    t.is(stderr, 'Nothing is built yet, nor can be. Run: npm ci\n');
  }
});

test('npm run cli passes on its words, and without any asks for help', async (t) => {
  const folder = folderOf(t);
  await writeFile(join(folder, 'package.json'), readPackageFile('package.json'));
  await mkdir(join(folder, 'dist/src'), { recursive: true });
  await writeFile(join(folder, 'dist/src/main.js'), 'console.log(JSON.stringify(process.argv.slice(2)))');
  const wordsOf = async (...words: string[]) =>
    JSON.parse((await run('npm', ['--prefix', folder, 'run', '-s', 'cli', ...words], {})).stdout);
  t.deepEqual(await wordsOf(), ['--help']);
  const words = ['client', 'show', '--id', `a "b" 'c' $d`];
  t.deepEqual(await wordsOf('--', ...words), words);
});

test('a port that is taken is told to the operator with its remedy', async (t) => {
  const folder = folderOf(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const PORT = String((taken.address() as AddressInfo).port);
  const env = { DATABASE_URL: `sqlite:${join(folder, 'test.sqlite')}`, PORT };
  const { code, stderr } = await run(process.execPath, ['dist/src/main.js'], env);
  t.is(code, 1);
  t.regex(stderr, /^127\.0\.0\.1:\d+ is taken\./);
});

testEachStore(
  'without its schema the server says what to do before it says that it listens',
  async (t, { url }) => {
    const env = { DATABASE_URL: url, MIGRATE_ON_START: 'no', PORT: '0', LOG_FORMAT: 'json', ...noSeeds };
    const { code, stdout, stderr } = await run(process.execPath, ['dist/src/main.js'], env);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /migrate up\n$/);
  },
  { empty: true },
);

testEachStore('healthcheck tells a running server from none', async (t, database) => {
  const env = { DATABASE_URL: database.url, ...noSeeds };
  const server = await launch(t, env);
  const PORT = new URL(server.url).port;
  const well = await cli(['healthcheck'], { ...env, PORT });
  t.is(well.code, 0);
  t.is(JSON.parse(well.stdout).status, 'ready');
  await server.end('SIGTERM');
  t.is((await cli(['healthcheck'], { ...env, PORT })).code, 1);
});

testEachStore('a second server says so at its start where one is to be the only one', async (t, database) => {
  const env = { DATABASE_URL: database.url, ...noSeeds };
  const warnings = (server: ServerProcess) => server.log().filter(({ level }) => level === 40);
  const first = await launch(t, { ...env, WORKERS: '2' });
  t.deepEqual(warnings(first), []);
  const second = warnings(await launch(t, env));
  if (database.kind === 'postgres') t.deepEqual(second, []);
  else
    t.regex(String(second[0]?.msg), /^another server works on this database already, .*: stop one of them/);
});

testEachStore(
  'at the start the operator is told of clients that cannot authenticate, suspended ones left out',
  async (t, database) => {
    const env = { DATABASE_URL: database.url, ...noSeeds };
    for (const id of ['c1', 'c2'])
      await createClient(env, id, '--auth-method', 'tls_client_auth', '--tls-san-dns', 'c.example');
    await cli(['client', 'disable', 'c2'], env);
    const warning = (await launch(t, env)).log().find(({ level }) => level === 40);
    t.like(warning, { clients: ['c1'] });
    t.regex(
      String(warning?.msg),
      /^clients cannot authenticate .* set CLIENT_CERT_PROXIES, .*TLS_CLIENT_CA_FILE/,
    );
  },
);

testEachStore(
  'a server with another PUBLIC_URL than its tokens says so at its start',
  async (t, database) => {
    const app = await TestApp.start(database);
    await app.addClient();
    await app.register({ client_id: 'c1' });
    await app.stop();
    const warned = async (publicUrl: string) => {
      const server = await launch(t, { DATABASE_URL: database.url, PUBLIC_URL: publicUrl, SEED_DEMO: 'no' });
      await server.end('SIGTERM');
      return server.log().filter(({ level, public_url }) => level === 40 && public_url === publicUrl);
    };
    t.deepEqual(await warned(publicUrl), []);
    const [warning] = await warned('https://other.example');
    t.like(warning, { issuer: publicUrl });
  },
);

testEachStore('a server whose demo data cannot be written says so, and serves', async (t, database) => {
  const db = dialectOf(database.url).openWriter();
  await (database.kind === 'sqlite'
    ? db.raw(`create trigger no_client before insert on clients begin select raise(abort, 'no client'); end`)
    : db.raw('alter table clients add constraint no_client check (client_id is null)'));
  await db.destroy();
  const server = await launch(t, { DATABASE_URL: database.url, SEED_DEMO: 'yes' });
  const [warning] = server.log().filter(({ level }) => level === 40);
  t.regex(String(warning?.msg), /^it serves, but demo data .* missing/);
  t.is((await fetch(`${server.url}/health/ready`)).status, 200);
  t.is(await server.end('SIGTERM'), 0);
});

test('a newcomer is shown lines that work as they stand, and no log line holds what is in them', async (t) => {
  const folder = folderOf(t);
  const database = { kind: 'sqlite', url: `sqlite:${join(folder, 'data/revocation.sqlite')}` } as const;
  const server = await launch(t, { DATABASE_URL: database.url, LOG_LEVEL: 'debug' });
  const commands = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('curl '));
  const answers: { path: string; status: number; body: Record<string, unknown> }[] = [];
  for (const command of commands) {
    const { url, init } = parseCurl(command);
    const response = await fetch(url, init);
    const body = (await response.json()) as Record<string, unknown>;
    answers.push({ path: new URL(url).pathname, status: response.status, body });
  }
  t.deepEqual(
    answers.map(({ path }) => path),
    ['/v1/tokens', '/introspect', '/revoke', '/logout', '/introspect', '/v1/audit/events'],
  );
  const [registered, live, revoked, loggedOut, dead, audited] = answers;
  t.is(registered?.status, 201);
  t.is(live?.body.active, true);
  t.is(revoked?.body.status, 'revoked');
  t.like(loggedOut?.body.data, { status: 'logged_out' });
  t.deepEqual(dead?.body, { active: false });
  const trail = audited?.body.items as { action: string }[];
  t.true(trail.some(({ action }) => action === 'logout'));
  await server.end('SIGTERM');

  const secrets = commands.flatMap((line) => line.match(/[A-Za-z0-9_-]{32,}/g) ?? []);
  t.true(secrets.length >= 8);
  const logged = JSON.stringify(server.log());
  t.deepEqual(
    secrets.filter((secret) => logged.includes(secret)),
    [],
  );
  t.deepEqual(findSecrets(await dump(database), secrets), []);

  const again = await launch(t, { DATABASE_URL: database.url });
  t.notRegex(again.output(), /curl/);
});

/** What a printed line asks for: the few options of curl that the lines use, and quotes as the shell reads them. */
function parseCurl(command: string): { url: string; init: RequestInit } {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const headers = new Headers();
  let [url, body] = ['', undefined as string | undefined];
  for (let n = 1; n < words.length; n++) {
    const word = words[n] as string;
    if (word === '-sS') continue;
    if (word === '-u')
      headers.set('authorization', `Basic ${Buffer.from(words[++n] ?? '').toString('base64')}`);
    else if (word === '-H') headers.set(...((words[++n] ?? '').split(': ') as [string, string]));
    else if (word === '-d') body = words[++n];
    else if (word.startsWith('-')) throw new Error(`this line uses ${word}, which the test does not know`);
    else url = word;
  }
  if (body !== undefined && !headers.has('content-type')) {
    headers.set('content-type', 'application/x-www-form-urlencoded');
  }
  return {
    url,
    init: { method: body === undefined ? 'GET' : 'POST', headers, ...(body !== undefined && { body }) },
  };
}
