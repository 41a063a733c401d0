// The audit trail is complete: every outcome of every endpoint that changes or refuses something is an
// event, told whole, and nothing is changed when that event cannot be written.
import test from 'ava';
import type { Store } from '../../src/domain/store.ts';
import type { Channel } from '../../src/domain/vocabulary.ts';
import type { TestApp } from '../helpers/app.ts';
import { appOn } from '../helpers/app-parts.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { eventually } from '../helpers/eventually.ts';
import { TestIssuer } from '../helpers/issuer.ts';
import { inboxOutcomes, inboxWorld } from './inboxes.ts';
import {
  clientOutcomes,
  issuerOutcomes,
  managementWorld,
  readingOutcomes,
  revocationOutcomes,
} from './management.ts';
import { type Outcomes, walk } from './outcomes.ts';
import { registrationOutcomes, registrationWorld, sessionOutcomes } from './registrations.ts';
import { introspectOutcomes, logoutOutcomes, revokeOutcomes, tokenWorld } from './tokens.ts';

function testOutcomes<World>(
  of: string,
  channel: Channel,
  begin: (app: TestApp) => Promise<World>,
  ...outcomes: readonly Outcomes<World>[]
): void {
  testEachDatabase(`every outcome of ${of} is an event`, async (t, app) =>
    walk(t, app, channel, Object.assign({}, ...outcomes), await begin(app)),
  );
}

testOutcomes('/revoke and /introspect', 'oauth', tokenWorld, revokeOutcomes, introspectOutcomes);
testOutcomes('/logout', 'logout', tokenWorld, logoutOutcomes);
testOutcomes('/v1/tokens', 'api', registrationWorld, registrationOutcomes);
testOutcomes('/v1/sessions', 'api', registrationWorld, sessionOutcomes);
testOutcomes('/v1/revocations', 'api', managementWorld, revocationOutcomes);
testOutcomes('/v1/clients and /v1/issuers', 'api', managementWorld, clientOutcomes, issuerOutcomes);
testOutcomes('reading the trail', 'api', managementWorld, readingOutcomes);
testOutcomes(
  'the inboxes',
  'inbox',
  async (app) => {
    const world = await inboxWorld(app);
    // Its keys are noted when they are first seen, which is an event of its own.
    await app.introspect(await world.issuer.sign());
    await eventually(async () => (await app.events('issuer_key_seen')).length === 1 || undefined);
    return world;
  },
  inboxOutcomes,
);

test('the outcomes of every route that changes something are told', async (t) => {
  const { routes } = await appOn({} as Store);
  const changing = routes
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path}`);
  const told = [
    ...[revokeOutcomes, introspectOutcomes, logoutOutcomes, registrationOutcomes, sessionOutcomes],
    ...[revocationOutcomes, clientOutcomes, issuerOutcomes, inboxOutcomes],
  ].flatMap((outcomes) => Object.keys(outcomes).map((name) => name.split(': ')[0]));
  t.deepEqual(
    changing.filter((route) => !told.includes(route)),
    [],
  );
});

testEachDatabase('a key that an issuer has not used before is an event, once', async (t, app) => {
  const issuer = await TestIssuer.fetched(app);
  t.teardown(() => issuer.stop());
  await app.introspect(await issuer.sign());
  await eventually(async () => (await app.events('issuer_key_seen')).length === 1 || undefined);
  const [seen] = await app.events('issuer_key_seen');
  t.like(seen, { channel: 'system', actor: { kind: 'system', id: null }, requestId: null, ip: null });
  t.like(seen?.metadata, { issuer: issuer.name, kid: 'k1' });
  await issuer.rotate('k2');
  app.advance(400);
  await app.introspect(await issuer.sign());
  await eventually(async () => (await app.events('issuer_key_seen')).length === 2 || undefined);
  const other = await app.another();
  await other.introspect(await issuer.sign());
  await other.stop();
  t.deepEqual(
    (await app.events('issuer_key_seen')).map(({ metadata }) => metadata.kid),
    ['k1', 'k2'],
  );
});

testEachDatabase('addresses of one IPv6 network are counted together', async (t, app) => {
  const flood = await app.another({ TRUST_PROXY: '127.0.0.1' });
  for (let n = 1; n <= 14; n++) {
    const headers = { 'x-forwarded-for': `2001:db8::${n}` };
    await flood.form('/revoke', { token: 'x' }, ['nobody', 'w'.repeat(43)], { headers });
  }
  await flood.form('/revoke', { token: 'x' }, ['nobody', 'w'.repeat(43)], {
    headers: { 'x-forwarded-for': '2001:db8:1::1' },
  });
  await flood.stop();
  const told = (await app.events('client_auth_failed')).map(({ ip, count }) => [ip, count]);
  const singly = Array.from({ length: 10 }, (_, n) => [`2001:db8::${n + 1}`, 1]);
  t.deepEqual(told, [...singly, ['2001:db8:1::1', 1], [null, 4]]);
});

testEachDatabase(
  'what callers can cause at will is written singly ten times a minute, then counted, and never lost',
  async (t, app) => {
    const [owner, server] = [await app.addClient(), await app.addClient({ permissions: ['introspect'] })];
    const flood = await app.another({ AUTH_FAILURES_PER_MINUTE_MAX: '5' });
    const statuses = new Set<number>();
    for (let n = 0; n < 14; n++) {
      const reply = await flood.form('/revoke', { token: 'x' }, [owner.client_id, 'w'.repeat(43)]);
      statuses.add(reply.status);
      await flood.form('/revoke', { token: `unknown-${n}` }, owner);
      await flood.form('/introspect', { token: 'x' }, owner);
    }
    t.deepEqual([...statuses], [401, 429]);
    await flood.form('/introspect', {}, server);
    for (const action of ['client_auth_failed', 'revoke_invalid_token', 'request_refused'])
      t.true((await app.events(action)).length >= 10, action);
    await flood.stop();
    const counts = async (action: string) => (await app.events(action)).map(({ count }) => count);
    const singly = Array(10).fill(1);
    t.deepEqual(await counts('client_auth_failed'), [...singly, 4]);
    t.deepEqual(await counts('revoke_invalid_token'), [...singly, 4]);
    t.deepEqual(await counts('request_refused'), [...singly, 1, 4], 'another caller is counted apart');
    t.like((await app.events('request_refused')).at(-1), {
      actor: { kind: 'client', id: owner.client_id },
      channel: 'system',
      ip: '127.0.0.1',
      metadata: { code: 'insufficient_permission' },
    });
  },
);
