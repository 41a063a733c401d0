// `dead_token_presented`: a revoked token that is tried at /introspect leaves one event per caller and
// interval, and never holds up or changes the answer.
import type { AuditEvent } from '../../../src/domain/audit.ts';
import type { TestApp } from '../../helpers/app.ts';
import { refOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';

/** Events are written after the answer has left. */
async function presented(app: TestApp, count: number) {
  let events: AuditEvent[] = [];
  return eventually(
    async () => {
      events = await app.events('dead_token_presented');
      return events.length >= count ? events : undefined;
    },
    () => events,
  );
}

testEachDatabase(
  'POST /introspect of a revoked token is noted once per caller and interval',
  async (t, app) => {
    const client = await app.addClient();
    const ids = { client_id: client.client_id, sub: 'u1', session_id: 's1', exp: app.seconds + 86_400 };
    const [dead, live] = [await app.register(ids), await app.register(ids)];
    await app.form('/revoke', { token: dead, reason: 'credential_compromise' }, client);
    const servers = [
      await app.addClient({ clientId: 'rs-1', permissions: ['introspect'] }),
      await app.addClient({ clientId: 'rs-2', permissions: ['introspect:any'] }),
    ];
    const introspect = async () => {
      for (const server of servers) {
        for (const token of [dead, dead, live, app.newToken()])
          await app.form('/introspect', { token }, server);
      }
    };
    await introspect();
    const events = await presented(app, 2);
    t.deepEqual(
      events.map(({ actor }) => actor.id),
      ['rs-1', 'rs-2'],
    );
    t.like(events[0], {
      userId: 'u1',
      clientId: client.client_id,
      sessionId: 's1',
      reason: 'credential_compromise',
      channel: 'oauth',
    });
    app.advance(601);
    await introspect();
    t.is((await presented(app, 4)).length, 4);
    app.advance(-86_400);
    await introspect();
    t.is((await presented(app, 6)).length, 6, 'also after the clock was set back');
  },
);

testEachDatabase('POST /introspect of a revoked token that has expired is not noted', async (t, app) => {
  const client = await app.addClient();
  const { client_id } = client;
  const [expired, dead] = [
    await app.register({ client_id }),
    await app.register({ client_id, exp: app.seconds + 86_400 }),
  ];
  for (const token of [expired, dead]) await app.form('/revoke', { token }, client);
  app.advance(3600);
  for (const token of [expired, dead]) await app.introspect(token);
  const refs = (await presented(app, 1)).map(({ tokenRef }) => tokenRef);
  t.deepEqual(refs, [refOf(dead)]);
});

testEachDatabase(
  'POST /introspect of a revoked token answers while nothing can be written',
  async (t, app) => {
    const client = await app.addClient();
    const token = await app.register({ client_id: client.client_id });
    await app.form('/revoke', { token }, client);
    const observer = await app.observer();
    app.store.fault = 'writes';
    const before = app.store.written.length;
    t.deepEqual((await app.form('/introspect', { token }, observer)).body, { active: false });
    await eventually(() => app.store.written.length > before || undefined);
    app.store.fault = 'none';
    await app.form('/introspect', { token }, observer);
    t.is((await presented(app, 1)).length, 1, 'what could not be written is noted when it comes again');
  },
);
