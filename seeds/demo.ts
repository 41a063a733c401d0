// Demo data for a newcomer's first ten minutes: clients with generated secrets, a user with three devices,
// tokens that are live, expired and revoked. Secrets and tokens are known only while this runs: what it
// returns is the one place where they can be read.
import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { readConfig } from '../src/config.ts';
import { systemOrigin } from '../src/domain/audit.ts';
import { digestOf, type TokenUse } from '../src/domain/claims.ts';
import { type Policy, policyOf } from '../src/domain/policy.ts';
import { createClient, type NewClient, plainClient } from '../src/domain/records/manage-clients.ts';
import { registerToken } from '../src/domain/register/register-token.ts';
import { opaqueRegistration } from '../src/domain/register/registration.ts';
import { revokeToken } from '../src/domain/revoke/revoke-token.ts';
import type { Store } from '../src/domain/store.ts';
import { openStore } from '../src/store/open.ts';

const api = 'https://api.example.com';
const day = 86_400;

/** For the knex command line: `npm run knex -- seed:run`. */
export async function seed(_knex: Knex): Promise<void> {
  const config = readConfig(process.env);
  const store = openStore(config.databaseUrl);
  const url = config.publicUrl;
  console.log(await seedDemo(store, policyOf(config), { url, adminUrl: url }));
  await store.close();
}

/** Fills the store; resolves to what to type next, with real values. */
export async function seedDemo(
  store: Store,
  policy: Policy,
  { url, adminUrl }: { url: string; adminUrl: string },
): Promise<string> {
  const issuer = await addClient(store, { clientId: 'demo-issuer', permissions: ['register'] });
  const app = await addClient(store, { clientId: 'demo-app', logoutScope: 'all' });
  const resourceServer = await addClient(store, {
    clientId: 'demo-api',
    permissions: ['introspect'],
    audiences: [api],
  });
  const auditor = await addClient(store, { clientId: 'demo-auditor', permissions: ['audit'] });
  await addClient(store, {
    clientId: 'demo-admin',
    permissions: ['admin', 'revoke:any', 'introspect:any', 'metrics'],
  });
  await addClient(store, {
    clientId: 'demo-spa',
    authMethod: 'none',
    allowedOrigins: ['http://localhost:5173'],
  });

  const phone = await addDevice(store, policy, 'alice-phone', 'Demo/1.0 (phone)');
  const laptop = await addDevice(store, policy, 'alice-laptop', 'Demo/1.0 (laptop)');
  const tablet = await addDevice(store, policy, 'alice-tablet', 'Demo/1.0 (tablet)');
  await addToken(store, policy, { sessionId: 'alice-phone', use: 'access_token', iat: -2 * day, life: day });
  await revoke(store, policy, tablet.refreshToken);

  const newToken = newTokenOf('at');
  const now = Math.floor(Date.now() / 1000);
  const registration = JSON.stringify({
    token: newToken,
    token_use: 'access_token',
    client_id: 'demo-app',
    sub: 'alice',
    session_id: 'alice-laptop',
    aud: api,
    iat: now,
    exp: now + 3600,
  });
  return `
The database was empty, so it now has demo data: user alice with a phone, a laptop and a tablet.
Try it; these lines work as they stand:

# an issuer registers a token before handing it out
curl -sS -u '${issuer}' -H 'Content-Type: application/json' -d '${registration}' ${adminUrl}/v1/tokens

# an API asks whether a token is good
curl -sS -u '${resourceServer}' -d 'token=${phone.accessToken}' ${url}/introspect

# the app revokes a refresh token, and with it the whole grant; again, and it says so
curl -sS -u '${app}' -d 'token=${phone.refreshToken}' ${url}/revoke

# the laptop logs out; the token that was registered first is of its session, and dead with it
curl -sS -H 'Content-Type: application/json' -d '{"refresh_token":"${laptop.refreshToken}"}' ${url}/logout
curl -sS -u '${resourceServer}' -d 'token=${newToken}' ${url}/introspect

# an auditor asks what happened
curl -sS -u '${auditor}' '${adminUrl}/v1/audit/events?user_id=alice'

The API is described at ${adminUrl}/docs. To make a client of your own, while this runs:
npm run -s cli -- client create --id my-api --permission introspect --audience ${api}
`;
}

/** Resolves to `client_id:client_secret`. */
async function addClient(store: Store, fields: Partial<NewClient> & { clientId: string }): Promise<string> {
  const created = await createClient(store, systemOrigin, plainClient(fields));
  if (created.status !== 'created') throw new Error(`there is a client ${fields.clientId} already`);
  return `${fields.clientId}:${created.newSecret ?? ''}`;
}

async function addDevice(store: Store, policy: Policy, sessionId: string, userAgent: string) {
  const refresh = { sessionId, userAgent, use: 'refresh_token', iat: 0, life: 30 * day } as const;
  const access = { sessionId, userAgent, use: 'access_token', iat: 0, life: 3600 } as const;
  return {
    refreshToken: await addToken(store, policy, refresh),
    accessToken: await addToken(store, policy, access),
  };
}

interface DemoToken {
  readonly sessionId: string;
  readonly use: TokenUse;
  /** Seconds from now. */
  readonly iat: number;
  readonly life: number;
  readonly userAgent?: string;
}

async function addToken(store: Store, policy: Policy, { sessionId, use, iat, life, userAgent }: DemoToken) {
  const token = newTokenOf(use === 'refresh_token' ? 'rt' : 'at');
  const issued = Math.floor(Date.now() / 1000) + iat;
  const registration = opaqueRegistration(digestOf(token), {
    tokenUse: use,
    issuer: policy.publicUrl,
    clientId: 'demo-app',
    subject: 'alice',
    grantId: `${sessionId}-grant`,
    sessionId,
    iat: issued,
    exp: issued + life,
    audience: use === 'access_token' ? [api] : [],
    members: use === 'access_token' ? { scope: 'profile orders', aud: api } : { scope: 'profile orders' },
    userAgent: userAgent ?? null,
    ip: '192.0.2.7',
  });
  await registerToken(store, policy, 'demo-issuer', systemOrigin, registration);
  return token;
}

async function revoke(store: Store, policy: Policy, token: string): Promise<void> {
  const caller = await store.ask((facts) => facts.client('demo-app'));
  if (!caller) throw new Error('the demo clients come first');
  const digest = digestOf(token);
  const presented = { digest, targetDigest: digest, verification: { kind: 'opaque' } } as const;
  const request = { caller, presented, reason: 'client_request', reasonText: null } as const;
  await revokeToken(store, policy, { ...request, origin: systemOrigin });
}

function newTokenOf(prefix: string): string {
  return `${prefix}_${randomBytes(24).toString('base64url')}`;
}
