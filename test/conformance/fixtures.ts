// The clients and tokens that cases.json speaks of by name, made anew for each case.
import { randomBytes, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { systemOrigin } from '../../src/domain/audit.ts';
import { createClient, type NewClient, plainClient } from '../../src/domain/records/manage-clients.ts';
import { publicUrl, type TestApp } from '../helpers/app.ts';
import { newKey, TestIssuer } from '../helpers/issuer.ts';
import type { TestClient } from '../helpers/requests.ts';

export interface Fixtures {
  readonly app: TestApp;
  readonly clients: ReadonlyMap<string, TestClient>;
  readonly tokens: ReadonlyMap<string, string>;
  /** Signs a client assertion of `CJ`. */
  assertion(aud?: string | string[]): Promise<string>;
}

const specialSecret = 'p%5^g+is &h@:=z é p%5^g+is &h@:=z';

export async function makeFixtures(app: TestApp): Promise<Fixtures> {
  const clients = await makeClients(app);
  const key = await newKey('ES256');
  const keys = { kind: 'jwks', keys: [key.jwk as Record<string, unknown>] } as const;
  clients.set('CJ', await app.addClient({ clientId: 'CJ', authMethod: 'private_key_jwt', keys }));
  const assertion = async (aud: string | string[] = publicUrl) => {
    const claims = { iss: 'CJ', sub: 'CJ', aud, jti: randomUUID(), exp: app.seconds + 60 };
    return app.secret(await new SignJWT(claims).setProtectedHeader({ alg: 'ES256' }).sign(key.privateKey));
  };
  return { app, clients, tokens: await makeTokens(app, clients), assertion };
}

async function makeClients(app: TestApp): Promise<Map<string, TestClient>> {
  const clients = new Map<string, TestClient>();
  const add = async (name: string, fields: Partial<NewClient> = {}) => {
    clients.set(name, await app.addClient({ clientId: name, ...fields }));
  };
  await add('CB');
  await add('CP', { authMethod: 'client_secret_post' });
  await add('CB_CODEONLY');
  await add('OTHER');
  await add('DEAD');
  await add('CPUB', { authMethod: 'none' });
  await add('CPUB2', { authMethod: 'none' });
  await add('RS1', { permissions: ['introspect'], audiences: ['api1'] });
  await add('RS2', { permissions: ['introspect'], audiences: ['api2'] });
  await add('RSADM', { permissions: ['introspect:any'] });
  clients.set('CSP', await addSpecialClient(app));
  clients.set('NOSUCH', { client_id: 'NOSUCH', secret: randomBytes(32).toString('base64url') });
  return clients;
}

/** A client whose id and secret are full of characters that RFC 6749 §2.3.1 has encoded. */
async function addSpecialClient(app: TestApp): Promise<TestClient> {
  const client_id = 'c:sp/1 x';
  await createClient(app.store, systemOrigin, plainClient({ clientId: client_id }), specialSecret);
  return { client_id, secret: specialSecret };
}

async function makeTokens(app: TestApp, clients: Fixtures['clients']): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  const now = app.seconds;
  const add = async (name: string, members: Record<string, unknown>) => {
    const defaults = { client_id: 'CB', sub: 'u1', aud: 'api1', scope: 'read write' };
    tokens.set(name, await app.register({ ...defaults, ...members }));
  };
  const refresh = { token_use: 'refresh_token', aud: undefined };
  await add('AT1', { grant_id: 'G1' });
  await add('AT2', { grant_id: 'G1' });
  await add('RT1', { grant_id: 'G1', ...refresh });
  await add('AT3', { grant_id: 'G2' });
  await add('RT3', { grant_id: 'G2', ...refresh });
  await add('AT_EXP', { iat: now - 7200, exp: now - 3600 });
  await add('AT_NBF', { nbf: now + 3600, exp: now + 7200 });
  await add('AT_REVOKED', {});
  await add('AT_DEADCLIENT', { client_id: 'DEAD' });
  await add('RT_ROTATED', { grant_id: 'G3', ...refresh });
  await add('RT_CURRENT', { grant_id: 'G3', ...refresh, replaces: tokens.get('RT_ROTATED') });
  await add('AT_MULTI', { aud: ['api1', 'api2'] });
  await add('AT_NOSCOPE', { scope: undefined });
  await add('PAT1', { client_id: 'CPUB', grant_id: 'GP' });
  await add('PRT1', { client_id: 'CPUB', grant_id: 'GP', ...refresh });
  await add('RT_CO', { client_id: 'CB_CODEONLY', ...refresh });
  await add('JRT1', { client_id: 'CJ', ...refresh });
  await add('RT_SP', { client_id: 'c:sp/1 x', ...refresh });
  const issuer = await TestIssuer.inline(app);
  const jwtClaims = { client_id: 'CB', aud: 'api1', scope: 'read write' };
  tokens.set('JAT1', await issuer.sign({ ...jwtClaims, jti: 'j1' }));
  tokens.set('JAT_REVOKED', await issuer.sign({ ...jwtClaims, jti: 'j2' }));
  for (const name of ['AT_REVOKED', 'JAT_REVOKED'])
    await app.form('/revoke', { token: tokens.get(name) as string }, clients.get('CB'));
  const dead = (now: number) => ({
    outcome: undefined,
    effects: { clients: [{ kind: 'set_disabled', clientId: 'DEAD', at: now } as const] },
  });
  await app.store.write((_facts, now) => dead(now));
  return tokens;
}
