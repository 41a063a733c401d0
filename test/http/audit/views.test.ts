// The further views of the audit trail: one event, summary, export, seals. Walks through it are in walks.test.ts.
import test from 'ava';
import { eventOf, systemOrigin } from '../../../src/domain/audit.ts';
import { csvCell } from '../../../src/domain/trail/export-trail.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { appendLogouts, newKeys, seal } from '../../helpers/trail.ts';

const path = '/v1/audit/events';

testEachDatabase('GET /v1/audit/events/{id} shows one event, and that it was read', async (t, app) => {
  const caller = await app.auditor();
  await appendLogouts(app.store, 1);
  const reply = await app.get(`${path}/2`, caller);
  t.is(reply.status, 200);
  t.like(reply.body, { id: '2', action: 'logout', user_id: 'user-1' });
  t.like((await app.events('audit_read'))[0], { metadata: { view: 'event', id: '2' } });
  for (const id of ['99', '0', 'x', '-1']) t.is((await app.get(`${path}/${id}`, caller)).status, 404, id);
});

testEachDatabase('GET /v1/audit/summary counts by interval, action and reason', async (t, app) => {
  app.clock.now = Date.UTC(2026, 0, 10, 12, 30);
  const caller = await app.auditor();
  await appendLogouts(app.store, 3);
  app.advance(3600);
  await appendLogouts(app.store, 2);
  const flood = eventOf(systemOrigin, 'client_auth_failed', { count: 40 });
  await app.store.write(() => ({ outcome: null, effects: { events: [flood] } }));
  const { body } = await app.get('/v1/audit/summary?interval=hour&from=2026-01-10T12:00:00Z', caller);
  t.deepEqual(body.items, [
    { time: '2026-01-10T12:00:00.000Z', action: 'client_created', reason: null, events: 1, count: 1 },
    { time: '2026-01-10T12:00:00.000Z', action: 'logout', reason: 'user_logout', events: 3, count: 3 },
    { time: '2026-01-10T13:00:00.000Z', action: 'client_auth_failed', reason: null, events: 1, count: 40 },
    { time: '2026-01-10T13:00:00.000Z', action: 'logout', reason: 'user_logout', events: 2, count: 2 },
  ]);
  const day = await app.get('/v1/audit/summary?action=client_auth_failed&to=2026-01-11T00:00:00Z', caller);
  t.deepEqual(day.body.items, [
    { time: '2026-01-10T00:00:00.000Z', action: 'client_auth_failed', reason: null, events: 1, count: 40 },
  ]);
  const long = await app.get('/v1/audit/summary?interval=hour&from=2025-01-01T00:00:00Z', caller);
  t.is(long.body.detail, 'from is over 744 intervals before to');
  t.is((await app.get('/v1/audit/summary?interval=week', caller)).status, 400);
  t.is((await app.events('audit_read')).length, 2);
});

testEachDatabase(
  'GET /v1/audit/export gives every event, and goes on where it was cut off',
  async (t, app) => {
    const caller = await app.auditor();
    await appendLogouts(app.store, 2400);
    const whole = await app.get('/v1/audit/export', caller);
    t.is(whole.status, 200);
    t.is(whole.headers['x-export-through'], '2401');
    const lines = whole.text.trimEnd().split('\n');
    t.is(lines.length, 2401);

    const half = whole.text.slice(0, Math.floor(whole.text.length / 2));
    const kept = half.slice(0, half.lastIndexOf('\n') + 1);
    const last = JSON.parse(kept.trimEnd().split('\n').at(-1) as string).id;
    await appendLogouts(app.store, 5);
    const rest = await app.get(`/v1/audit/export?after=${last}&through=2401`, caller);
    t.is(kept + rest.text, whole.text);
    const filtered = await app.get('/v1/audit/export?user_id=user-7', caller);
    t.is(filtered.text.trimEnd().split('\n').length, 1);
    const exported = await app.events('audit_exported');
    t.deepEqual(exported[1]?.metadata, { format: 'ndjson', after: Number(last), through: 2401, filters: {} });
    t.is(exported.length, 3);
    t.is(
      (await app.get('/v1/audit/export?through=999999', caller)).body.detail,
      'through is after the last event',
    );
    t.is(
      (await app.get('/v1/audit/export?after=9&through=8', caller)).body.detail,
      'after is after the end of the export',
    );
    t.is((await app.get('/v1/audit/export?format=xml', caller)).body.detail, 'format must be ndjson or csv');
  },
);

testEachDatabase('GET /v1/audit/export as CSV runs no formula', async (t, app) => {
  const caller = await app.auditor();
  const event = eventOf({ ...systemOrigin, userAgent: '=HYPERLINK("http://x")' }, 'logout', {
    reasonText: '+1, "quoted"',
    userId: '-2',
  });
  await app.store.write(() => ({ outcome: null, effects: { events: [event] } }));
  const { text, headers } = await app.get('/v1/audit/export?format=csv&action=logout', caller);
  t.is(headers['content-type'], 'text/csv; charset=utf-8');
  const [header, line, end] = text.split('\r\n');
  t.true(header?.startsWith('id,time,action,reason,reason_text,'));
  t.true(line?.includes(`"'+1, ""quoted"""`), line);
  t.true(line?.includes(`"'-2"`), line);
  t.true(line?.includes(`"'=HYPERLINK(""http://x"")"`), line);
  t.is(end, '');
});

test('a CSV cell that a spreadsheet would run begins with an apostrophe', (t) => {
  for (const text of ['=1', '+1', '-1', '@a', '\tx', '\rx', ' =1', '|x', '%x'])
    t.regex(csvCell(text), /^"'/, text);
  // Where the comma is for decimals, a semicolon begins a cell, also between quotation marks.
  t.is(csvCell('Agent (x;=1+1)'), `"Agent (x;'=1+1)"`);
  t.is(csvCell('Agent;\u200b -1; y'), `"Agent;'\u200b -1; y"`);
  t.is(csvCell('Agent (X11; Linux; a=b)'), 'Agent (X11; Linux; a=b)');
  t.is(csvCell('plain'), 'plain');
  t.is(csvCell('a,b'), '"a,b"');
  t.is(csvCell('say "hi"'), '"say ""hi"""');
  t.is(csvCell(null), '');
  t.is(csvCell(7), '7');
});

testEachDatabase('GET /v1/audit/seals pages through the seals, for auditors', async (t, app) => {
  const caller = await app.auditor();
  const keys = await newKeys(t);
  for (const count of [3, 4, 5]) {
    await appendLogouts(app.store, count);
    await seal(app.store, keys);
  }
  const first = await app.get('/v1/audit/seals?limit=2', caller);
  t.deepEqual(
    first.body.items.map((item: Record<string, unknown>) => [item.number, item.first_event, item.last_event]),
    [
      [1, '1', '4'],
      [2, '5', '8'],
    ],
  );
  const second = await app.get(`/v1/audit/seals?limit=2&cursor=${first.body.next_cursor}`, caller);
  t.is(second.body.items.length, 1);
  t.is(second.body.next_cursor, null);
  t.is((await app.get('/v1/audit/seals?cursor=abc', caller)).status, 400);
  t.is((await app.get('/v1/audit/seals')).status, 401);
  t.is((await app.get('/v1/audit/seal-keys')).status, 200);
});

testEachDatabase(
  'every view of the audit trail is for auditors only, and changes nothing',
  async (t, app) => {
    const stranger = await app.addClient({ permissions: ['introspect', 'admin'] });
    for (const view of ['events', 'events/1', 'summary', 'export', 'seals']) {
      const reply = await app.get(`/v1/audit/${view}`, stranger);
      t.is(reply.status, 403, view);
      t.is(reply.body.detail, 'this needs the permission audit');
      t.is((await app.request('DELETE', `/v1/audit/${view}`, { auth: stranger })).status, 405, view);
    }
  },
);
