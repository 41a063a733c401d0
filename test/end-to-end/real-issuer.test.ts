// A real issuer beside us: npm `oidc-provider` in a process of its own, giving out JWT and opaque tokens, with
// its keys rotated and the process gone.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { systemOrigin } from '../../src/domain/audit.ts';
import { addIssuer } from '../../src/domain/records/manage-issuers.ts';
import { packageRoot } from '../../src/package-root.ts';
import { newIssuerBody, toNewIssuer } from '../../src/wire/issuers.ts';
import { api, type TestApp } from '../helpers/app.ts';
import { testEachDatabase } from '../helpers/each-database.ts';

const script = join(packageRoot(), 'test/helpers/oidc-provider.mjs');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function newPrivateJwk(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' };
}

async function startProvider(port: number, keys: JWK[]): Promise<ChildProcess> {
  const env = { ...process.env, PORT: String(port), JWKS: JSON.stringify({ keys }), NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes('listening')) return child;
  throw new Error('the provider did not start');
}

async function stopProvider(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function askForToken(app: TestApp, issuer: string, resource: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'read', resource });
  const basic = Buffer.from('machine:a-secret-between-machine-and-provider').toString('base64');
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body,
  });
  const { access_token: token } = (await response.json()) as { access_token: string };
  return app.secret(token);
}

testEachDatabase(
  'JWTs and opaque tokens of a real issuer are judged rightly while its keys rotate, and when it is gone',
  async (t, app) => {
    const port = await freePort();
    const issuer = `http://127.0.0.1:${port}`;
    const [first, second] = [await newPrivateJwk('first'), await newPrivateJwk('second')];
    let provider = await startProvider(port, [first]);
    t.teardown(() => stopProvider(provider));
    const record = newIssuerBody.parse({ issuer, discovery: true, audiences: [api] });
    await addIssuer(app.store, systemOrigin, await toNewIssuer(record, true), []);
    const client = await app.addClient({ clientId: 'machine' });

    const jwt = await askForToken(app, issuer, api);
    t.like(await app.introspect(jwt), {
      active: true,
      client_id: 'machine',
      iss: issuer,
      scope: 'read',
      aud: api,
    });
    t.is((await app.form('/revoke', { token: jwt }, client)).body.status, 'revoked');
    t.false(await app.isActive(jwt));

    const opaque = await askForToken(app, issuer, 'https://opaque.example');
    t.false(await app.isActive(opaque), 'nobody told us of it');
    await app.register({ token: opaque, client_id: 'machine' });
    t.true(await app.isActive(opaque));
    t.is((await app.form('/revoke', { token: opaque }, client)).body.status, 'revoked');
    t.false(await app.isActive(opaque));

    const before = await askForToken(app, issuer, api);
    await stopProvider(provider);
    provider = await startProvider(port, [second, first]);
    app.advance(31);
    const after = await askForToken(app, issuer, api);
    t.true(await app.isActive(after), 'by the new key');
    t.true(await app.isActive(before), 'by the old one');

    await stopProvider(provider);
    app.advance(301);
    t.true(await app.isActive(after), 'while the issuer is gone');
    app.advance(86_401);
    const reply = await app.form('/introspect', { token: after }, await app.observer());
    t.is(reply.status, 503);
    t.truthy(reply.headers['retry-after']);
  },
);
