// What operators' tools ask: health, version, metrics, the description; and the listener of their own.
import { copyFile, rename } from 'node:fs/promises';
import supertest from 'supertest';
import { packageVersion } from '../../../src/package-root.ts';
import { migrateDown } from '../../../src/store/migrate.ts';
import { appOn } from '../../helpers/app-parts.ts';
import { fileOf } from '../../helpers/databases.ts';
import { testEachDatabase, testOn } from '../../helpers/each-database.ts';
import { byHand } from '../../helpers/tamper.ts';

testEachDatabase('GET /health/alive looks at the process only', async (t, app) => {
  app.store.fault = 'everything';
  const { status, body } = await app.get('/health/alive');
  t.is(status, 200);
  t.deepEqual(body, { status: 'alive' });
});

testEachDatabase('GET /health/ready says that database and migrations are well', async (t, app) => {
  const { status, body } = await app.get('/health/ready');
  t.is(status, 200);
  t.deepEqual(body, { status: 'ready', checks: { database: 'ok', migrations: 'ok' } });
});

testEachDatabase('GET /health/ready is 503 while the database does not answer', async (t, app) => {
  app.store.fault = 'everything';
  const { status, headers, body } = await app.get('/health/ready');
  t.is(status, 503);
  t.is(headers['retry-after'], '1');
  t.deepEqual(body, { status: 'not_ready', checks: { database: 'unreachable', migrations: 'unknown' } });
});

testEachDatabase('GET /health/ready is 503 while migrations are pending', async (t, app) => {
  const undone = await migrateDown(app.database.url);
  t.is(undone.length, 1);
  const { status, body } = await app.get('/health/ready');
  t.is(status, 503);
  t.deepEqual(body, { status: 'not_ready', checks: { database: 'ok', migrations: 'pending' } });
});

testEachDatabase('GET /health/ready is 503 after a write failed, until one succeeds', async (t, app) => {
  const issuer = await app.issuer();
  const [known, registration] = [1, 2].map(() =>
    app.registration({ token: app.newToken(), client_id: 'c1' }),
  );
  t.is((await app.json('/v1/tokens', known, issuer)).status, 201);
  const refuse = {
    // A full disk stands in the way of changes only.
    sqlite: [
      "create trigger full_tokens before insert on tokens begin select raise(abort, 'full'); end",
      "create trigger full_ids before insert on used_ids begin select raise(abort, 'full'); end",
    ],
    postgres: ['alter table heads add constraint "full" check (id <> 1) not valid'],
  };
  const allow = {
    sqlite: ['drop trigger full_tokens', 'drop trigger full_ids'],
    postgres: ['alter table heads drop constraint "full"'],
  };
  const runAll = (statements: readonly string[]) =>
    byHand(app.database, async (run) => {
      for (const statement of statements) await run(statement);
    });
  const { kind } = app.database;
  await runAll(refuse[kind]);
  t.is((await app.json('/v1/tokens', registration, issuer)).status, 503);
  const saidAgain = await app.json('/v1/tokens', known, issuer);
  t.is(saidAgain.status, kind === 'sqlite' ? 200 : 503, 'where nothing changes, SQLite writes nothing');
  for (const _ of [1, 2]) {
    const { status, body } = await app.get('/health/ready');
    t.is(status, 503);
    t.deepEqual(body.checks, { database: 'cannot_write', migrations: 'ok' });
  }
  await runAll(allow[kind]);
  t.is((await app.get('/health/ready')).status, 200);
});

testOn('sqlite', 'nothing is said from a database whose file was replaced', async (t, app) => {
  const token = await app.register({ client_id: 'c1' });
  t.true(await app.isActive(token));
  const path = fileOf(app.database);
  await copyFile(path, `${path}-copy`);
  await rename(`${path}-copy`, path);
  const { body } = await app.get('/health/ready');
  t.deepEqual(body.checks, { database: 'replaced', migrations: 'unknown' });
  await t.throwsAsync(
    app.store.ask(() => 1),
    { message: /was deleted or replaced/ },
  );
});

testEachDatabase('GET /version names what runs', async (t, app) => {
  const { body } = await app.get('/version');
  t.deepEqual(body, { name: 'revocation-server', version: packageVersion(), node: process.version });
});

testEachDatabase(
  'GET /metrics counts requests for those who may see them, and names no path',
  async (t, app) => {
    const caller = await app.addClient({ permissions: ['metrics'] });
    const weak = await app.addClient({ permissions: ['audit'] });
    t.is((await app.get('/metrics')).status, 401);
    t.is((await app.get('/metrics', weak)).status, 403);
    await app.get('/there-is-nothing-here');
    await app.form('/revoke', { token: 'x' }, weak);
    const { status, text } = await app.get('/metrics', caller);
    t.is(status, 200);
    t.regex(text, /route="\/revoke"/);
    t.notRegex(text, /there-is-nothing-here/);
  },
);

testEachDatabase(
  'GET /openapi.json and /docs describe the API, to be cached by revalidation',
  async (t, app) => {
    const description = await app.get('/openapi.json');
    t.is(description.body.info.version, packageVersion());
    const page = await app.get('/docs');
    for (const directive of ['default-src', 'frame-ancestors', 'base-uri', 'form-action'])
      t.regex(page.headers['content-security-policy'] ?? '', new RegExp(`\\b${directive} 'none'`));
    t.regex(page.text, /swagger-ui-bundle\.js/);
    for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'start.js']) {
      t.is((await app.get(`/docs/${file}`)).status, 200, file);
    }
    for (const file of ['..%2Fpackage.json', 'constructor', 'package.json'])
      t.is((await app.get(`/docs/${file}`)).status, 404, file);
    t.is(page.headers['cache-control'], 'no-cache');
  },
);

testEachDatabase('HEAD answers as GET does, without a body', async (t, app) => {
  for (const path of ['/health/alive', '/version', '/openapi.json']) {
    const reply = await app.request('HEAD', path);
    t.is(reply.status, 200);
    t.is(reply.text, '');
  }
});

testEachDatabase('GET keeps a request id that is well-formed and makes one otherwise', async (t, app) => {
  const send = async (id: string) =>
    (await app.get('/health/alive', undefined, { headers: { 'X-Request-Id': id } })).headers['x-request-id'];
  t.is(await send('abc-1_2.3'), 'abc-1_2.3');
  for (const id of ['has space', 'x'.repeat(65), '<script>', 'eyJhbGciOiJub25lIn0.e30.']) {
    t.regex((await send(id)) ?? '', /^[0-9a-f-]{36}$/, id);
  }
});

testEachDatabase(
  'ADMIN_PORT moves /v1, /metrics and /docs to a listener of their own, at ADMIN_HOST',
  async (t, app) => {
    t.is(new URL(app.url).hostname, '127.0.0.1');
    t.is(new URL(app.adminUrl).hostname, '127.0.0.2');
    t.is((await fetch(`${app.url}/v1/clients`)).status, 404);
    t.is((await fetch(`${app.url}/metrics`)).status, 404);
    t.is((await fetch(`${app.url}/docs`)).status, 404);
    t.is((await fetch(`${app.adminUrl}/revoke`, { method: 'POST' })).status, 404);
    t.is((await app.get('/v1/clients')).status, 401);
    const token = await app.register({ client_id: 'c1' });
    t.true(await app.isActive(token));
  },
  { ADMIN_PORT: '0', ADMIN_HOST: '127.0.0.2' },
);

testEachDatabase('GET /health/ready is 503 once the server was told to stop', async (t, app) => {
  const { main } = await appOn(app.store, { isDraining: () => true });
  const reply = await supertest(main).get('/health/ready');
  t.is(reply.status, 503);
  t.deepEqual(reply.body, { status: 'not_ready', checks: { server: 'stopping' } });
});
