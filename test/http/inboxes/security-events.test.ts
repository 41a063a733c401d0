// POST /security-events: Security Event Tokens by push, and the events and subjects that they name.
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { sessionRevoked, trustWithInbox, verification } from '../../helpers/inboxes.ts';
import { newKey, type TestIssuer } from '../../helpers/issuer.ts';
import { purgeNow } from '../../helpers/purging.ts';
import type { Reply } from '../../helpers/requests.ts';

testEachDatabase(
  'POST /security-events takes session-revoked by push, once, and no newer login dies',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const push = (body: string, type = 'application/secevent+jwt') =>
      app.request('POST', '/security-events', { type, body });
    const set = (events: object, claims: object = {}, header: object = { typ: 'secevent+jwt' }) =>
      issuer.sign(
        { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, ...claims },
        { ...header },
      );
    const mine = await issuer.sign({ sid: 's1', iat: app.seconds - 60 });
    const laptop = await issuer.sign({ sid: 's2', iat: app.seconds - 60 });
    const newer = await issuer.sign({ sid: 's3', iat: app.seconds - 5 });
    t.is((await push(await set({ [verification]: { state: 'x' } }))).status, 202);
    const complex = {
      format: 'complex',
      session: { format: 'opaque', id: 's1' },
      user: { format: 'iss_sub', iss: issuer.name, sub: 'u1' },
    };
    const event = await set({ [sessionRevoked]: { event_timestamp: app.seconds - 10 } }, { sub_id: complex });
    const reply = await push(event);
    t.is(reply.status, 202, reply.text);
    t.is(reply.text, '');
    t.deepEqual([await app.isActive(mine), await app.isActive(laptop)], [false, true]);
    t.is((await push(event)).status, 202);
    t.is((await app.events('bulk_revoke')).length, 1);
    const elsewhere = { ...complex, session: { format: 'opaque', id: 's2' } };
    for (const named of [
      { ...elsewhere, user: { ...complex.user, iss: 'https://else.example' } },
      { ...elsewhere, session: { ...elsewhere.session, iss: 'https://else.example' } },
    ]) {
      const refused = await push(await set({ [sessionRevoked]: {} }, { sub_id: named }));
      t.deepEqual([refused.status, refused.body.err], [400, 'access_denied']);
    }
    t.true(await app.isActive(laptop), 'another issuer has a session of that id');
    const subject = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
    const older = await set({ [sessionRevoked]: { subject, event_timestamp: app.seconds - 10 } });
    t.is((await push(older)).status, 202);
    t.deepEqual([await app.isActive(laptop), await app.isActive(newer)], [false, true]);

    const before1970 = await push(await set({ [sessionRevoked]: { subject, event_timestamp: -0.5 } }));
    t.deepEqual(
      [before1970.status, before1970.body],
      [400, { err: 'invalid_request', description: 'event_timestamp is before 1970' }],
    );
    t.is((await app.events('inbox_refused')).at(-1)?.metadata.why, 'malformed');

    const stranger = await newKey('ES256', 'k1');
    const events = { [sessionRevoked]: {} };
    const cases: [string, string][] = [
      [await set(events, { sub_id: subject, aud: 'tv' }), 'invalid_audience'],
      [await set(events, { sub_id: subject, iss: 'https://else.example' }), 'invalid_issuer'],
      [
        await issuer.signAs(
          { aud: 'web', jti: 'y', events, sub_id: subject },
          { typ: 'secevent+jwt' },
          stranger,
        ),
        'authentication_failed',
      ],
      [await set(events, { sub_id: { ...subject, iss: 'https://else.example' } }), 'access_denied'],
      [await set(events, {}), 'invalid_request'],
      [await set(events, { sub_id: subject }, { typ: 'JWT' }), 'invalid_request'],
      ...(await Promise.all(
        [{ [sessionRevoked]: 'x' }, { [sessionRevoked]: null }, { [verification]: [] }, 'x', undefined].map(
          async (malformed): Promise<[string, string]> => [
            await set(malformed as object, { sub_id: subject }),
            'invalid_request',
          ],
        ),
      )),
      ['nonsense', 'invalid_request'],
    ];
    for (const [token, err] of cases) {
      const refused = await push(token);
      t.is(refused.status, 400, err);
      t.is(refused.body.err, err);
    }
    t.is((await app.events('inbox_refused')).length, cases.length + 3, 'those of another issuer included');
    t.is((await push(event, 'application/json')).body.err, 'invalid_request');
  },
);

testEachDatabase(
  'POST /security-events takes an opaque subject for a session or a user, whichever bears it',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const iat = app.seconds - 60;
    const [session, user, other, userOfComplex] = [
      await issuer.sign({ sid: 'dMTlD|16', sub: 'u1', iat }),
      await issuer.sign({ sid: 's2', sub: 'dMTlD|16', iat }),
      await issuer.sign({ sid: 's3', sub: 'u1', iat }),
      await issuer.sign({ sid: 'u5', sub: 'u1', iat }),
    ];
    const subjects = [
      { format: 'opaque', id: 'dMTlD|16' },
      { format: 'complex', user: { format: 'opaque', id: 'u5' } },
    ];
    for (const sub_id of subjects) {
      const events = { [sessionRevoked]: { event_timestamp: app.seconds - 10 } };
      const claims = { aud: 'web', jti: app.newToken('jti'), sub: undefined, exp: undefined, events, sub_id };
      const body = await issuer.sign(claims, { typ: 'secevent+jwt' });
      const type = 'application/secevent+jwt';
      t.is((await app.request('POST', '/security-events', { type, body })).status, 202);
    }
    const alive = await Promise.all([session, user, other, userOfComplex].map((each) => app.isActive(each)));
    t.deepEqual(alive, [false, false, true, true]);
  },
);

testEachDatabase(
  'POST /security-events ends no login that is newer than the event token, whatever time it gives the event',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const iat = app.seconds - 3600;
    const [before, after] = [await issuer.sign({ iat: iat - 10 }), await issuer.sign({ iat: iat + 600 })];
    const event = await revokedSessions(issuer, { event_timestamp: iat * 1000 }, { iat });
    t.is((await push(app, event)).status, 202);
    t.deepEqual([await app.isActive(before), await app.isActive(after)], [false, true]);
  },
);

testEachDatabase(
  'POST /security-events refuses an event whose time is no number, and ends nothing',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const newer = await issuer.sign({ iat: app.seconds - 10 });
    for (const event_timestamp of [String(app.seconds - 3600), '', null, true, [app.seconds - 3600], {}]) {
      const reply = await push(app, await revokedSessions(issuer, { event_timestamp }, { iat: app.seconds }));
      const refusal = { err: 'invalid_request', description: 'event_timestamp must be of type number' };
      t.deepEqual([reply.status, reply.body], [400, refusal], JSON.stringify(event_timestamp));
      t.is((await app.events('inbox_refused')).at(-1)?.metadata.why, 'malformed');
    }
    t.true(await app.isActive(newer));
  },
);

testEachDatabase(
  'POST /security-events: an event token that is dated far ahead locks no user out for longer than clocks may differ',
  async (t, app) => {
    const issuer = await trustWithInbox(app);
    const ahead = app.seconds + 10 * 365 * 86_400;
    const now = await issuer.sign();
    t.is((await push(app, await revokedSessions(issuer, {}, { iat: ahead }))).status, 202);
    app.advance(61);
    t.deepEqual([await app.isActive(now), await app.isActive(await issuer.sign())], [false, true]);
  },
);

testEachDatabase('POST /security-events: an event token counts once in seven days', async (t, app) => {
  const issuer = await trustWithInbox(app);
  const event = await revokedSessions(issuer);
  const revocations = async () => {
    await purgeNow(app);
    t.is((await push(app, event)).status, 202);
    return (await app.events('bulk_revoke')).length;
  };
  t.is(await revocations(), 1);
  app.advance(7 * 86_400 - 1);
  t.is(await revocations(), 1);
  app.advance(3_602);
  t.is(await revocations(), 2);
});

/** An event token that says that the sessions of u1 were revoked. */
function revokedSessions(issuer: TestIssuer, event: object = {}, claims: object = {}): Promise<string> {
  const of = { aud: 'web', jti: issuer.app.newToken('jti'), sub: undefined, exp: undefined };
  const sub_id = { format: 'iss_sub', iss: issuer.name, sub: 'u1' };
  return issuer.sign(
    { ...of, events: { [sessionRevoked]: event }, sub_id, ...claims },
    { typ: 'secevent+jwt' },
  );
}

function push(app: TestApp, body: string): Promise<Reply> {
  return app.request('POST', '/security-events', { type: 'application/secevent+jwt', body });
}
