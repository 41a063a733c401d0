// GET /v1/audit/events, page by page: every filter, both directions, cursors; and that whoever reads leaves a trace.
import pg from 'pg';
import { eventOf, systemOrigin } from '../../../src/domain/audit.ts';
import { purge } from '../../../src/domain/purge/purge.ts';
import { purgePolicyOf } from '../../../src/upkeep/schedule.ts';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase, testOn } from '../../helpers/each-database.ts';
import { linesOf, type TestClient } from '../../helpers/requests.ts';
import { appendLogouts, newKeys, seal } from '../../helpers/trail.ts';

const path = '/v1/audit/events';

/** Ids of a whole walk, page by page. */
async function walk(app: TestApp, caller: TestClient, query: string): Promise<number[]> {
  const ids: number[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const from = cursor === '' ? '' : `&cursor=${cursor}`;
    const { status, body } = await app.get(`${path}?${query}${from}`, caller);
    if (status !== 200) throw new Error(JSON.stringify(body));
    ids.push(...body.items.map(({ id }: { id: string }) => Number(id)));
    cursor = body.next_cursor;
  }
  return ids;
}

testEachDatabase('GET /v1/audit/events filters by everything that an event names', async (t, app) => {
  const caller = await app.auditor();
  await appendLogouts(app.store, 3);
  const origin = { ...systemOrigin, requestId: 'req-7' };
  const details = { tokenRef: '0123456789abcdef', reason: 'policy' };
  await app.store.write(() => ({ outcome: null, effects: { events: [eventOf(origin, 'revoke', details)] } }));
  const queries: [string, number[]][] = [
    ['session_id=session-2', [3]],
    ['token_ref=0123456789abcdef', [5]],
    ['action=logout', [4, 3, 2]],
    ['reason=policy', [5]],
    ['actor_kind=user', [4, 3, 2]],
    ['actor_id=user-1', [2]],
    ['actor_kind=client&actor_id=user-1', []],
    ['ip=192.0.2.3', [4]],
    ['request_id=req-7', [5]],
    ['client_id=app&user_id=user-2', [3]],
  ];
  for (const [query, ids] of queries) t.deepEqual(await walk(app, caller, query), ids, query);
});

testEachDatabase('GET /v1/audit/events walks from either end, and meets the same events', async (t, app) => {
  const caller = await app.auditor();
  await appendLogouts(app.store, 25);
  const newest = await walk(app, caller, 'limit=7&action=logout');
  const oldest = await walk(app, caller, 'limit=7&action=logout&order=oldest');
  t.is(newest.length, 25);
  t.deepEqual(oldest, newest.toReversed());
  const { body } = await app.get(`${path}?limit=2`, caller);
  const turned = await app.get(`${path}?limit=2&order=oldest&cursor=${body.next_cursor}`, caller);
  t.is(turned.status, 400);
  t.is(turned.body.detail, 'cursor was not given out by this query');
});

testEachDatabase(
  'GET /v1/audit/events leaves one audit_read per walk, which the walk does not meet',
  async (t, app) => {
    const caller = await app.auditor();
    await appendLogouts(app.store, 5);
    const ids = await walk(app, caller, 'limit=2&user_id=user-1');
    t.is(ids.length, 1);
    await walk(app, caller, 'limit=2&ip=192.0.2.1');
    const reads = await app.events('audit_read');
    t.is(reads.length, 2);
    t.like(reads[0], {
      userId: 'user-1',
      clientId: caller.client_id,
      channel: 'api',
      metadata: { view: 'events', filters: { user_id: true } },
    });
    const { walk: _, ...metadata } = reads[1]?.metadata ?? {};
    t.deepEqual(metadata, { view: 'events', filters: { ip: true } });
    app.store.fault = 'events';
    t.is((await app.get(path, caller)).status, 503, 'what cannot be written down is not shown');
  },
);

const cursorOf = (position: unknown) => Buffer.from(JSON.stringify(position)).toString('base64url');
const positionOf = (cursor: string) => JSON.parse(Buffer.from(cursor, 'base64url').toString());

testEachDatabase('GET /v1/audit/events refuses made-up cursors and filters by name', async (t, app) => {
  const caller = await app.auditor();
  await appendLogouts(app.store, 2);
  const { body } = await app.get(`${path}?limit=1`, caller);
  const [reading, seen, key] = positionOf(body.next_cursor);
  const made = [
    ...[reading + 1, reading - 1, 99, 0, -1, 1.5, '1', 2 ** 60].map((id) => cursorOf([id, 1, key])),
    ...[reading + 1, 0, 1.5, null].map((id) => cursorOf([reading, id, key])),
    ...['x', '', 1, null, {}, undefined].map((other) => cursorOf([reading, seen, other])),
    ...[cursorOf({}), cursorOf([]), '!!', ''],
  ];
  for (const text of made) {
    const reply = await app.get(`${path}?limit=1&cursor=${text}`, caller);
    t.is(reply.status, 400, text);
    t.is(reply.body.errors[0].parameter, 'cursor');
  }
  const bad: [string, string][] = [
    ['ip=localhost', 'ip'],
    ['token_ref=xyz', 'token_ref'],
    ['reason=because', 'reason'],
    ['actor_kind=robot', 'actor_kind'],
    ['order=up', 'order'],
    ['session_id=', 'session_id'],
    ['from=yesterday', 'from'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to'],
    ['limit=1001', 'limit'],
    ['colour=red', 'colour'],
  ];
  for (const [query, parameter] of bad) {
    const reply = await app.get(`${path}?${query}`, caller);
    t.is(reply.status, 400, query);
    t.is(reply.body.errors[0].parameter, parameter, query);
  }
});

testEachDatabase(
  'GET /v1/audit/events shows nothing by a cursor whose audit_read is of another query or caller',
  async (t, app) => {
    const caller = await app.auditor();
    const other = await app.addClient({ permissions: ['audit'] });
    await appendLogouts(app.store, 5);
    const refuse = async (query: string, position: unknown, by = caller) => {
      const reply = await app.get(`${path}?${query}&cursor=${cursorOf(position)}`, by);
      t.deepEqual([reply.status, reply.body.detail], [400, 'cursor was not given out by this query'], query);
    };
    const begin = async (query: string) =>
      positionOf((await app.get(`${path}?${query}`, caller)).body.next_cursor);
    const [reading, seen, key] = await begin('limit=1&action=logout');
    const [later, , laterKey] = await begin('limit=1');
    await refuse('limit=1&action=logout', [reading, seen, key], other);
    await refuse('limit=1&action=logout', [later, seen, key]);
    await refuse('limit=1&action=logout', [later, seen, laterKey]);
    await refuse('limit=1&action=logout&order=oldest', [reading, 1, key]);
    await refuse('limit=1&action=logout&user_id=user-1', [reading, seen, key]);
    await refuse('limit=1&user_id=user-1', [later, seen, laterKey]);
    await app.get(`${path}/2`, caller);
    await app.get('/v1/audit/summary', caller);
    const [shown, summarised] = (await app.events('audit_read')).slice(2);
    for (const id of [shown?.seq, summarised?.seq]) await refuse('limit=1', [id, 1, laterKey]);
    const exported = await app.get('/v1/audit/export', caller);
    const { metadata } = linesOf(exported.text).find(({ id }) => id === String(later));
    await refuse('limit=1', [later, 1, metadata.walk]);
    t.is((await app.events('audit_read')).length, 4);
    t.is((await app.get(`${path}?limit=1&cursor=${cursorOf([later, seen, laterKey])}`, caller)).status, 200);
  },
);

testEachDatabase(
  'GET /v1/audit/events tells a walk to begin again when its audit_read was purged or erased',
  async (t, app) => {
    const caller = await app.auditor();
    await appendLogouts(app.store, 5);
    const orders = ['newest', 'oldest'].map((order) => `limit=2&order=${order}`);
    const begin = async (query: string) => {
      const { next_cursor } = (await app.get(`${path}?${query}`, caller)).body;
      return `${path}?${query}&cursor=${next_cursor}`;
    };
    const early = await Promise.all(orders.map(begin));
    await seal(app.store, await newKeys(t));
    app.advance(2 * 86_400);
    const late = await Promise.all(orders.map(begin));
    const policy = { ...purgePolicyOf(app.config), auditRetentionDays: 1 };
    t.like(await purge(app.store, policy, systemOrigin), { audit_events: 8 });
    const gone = 'cursor names no reading that is still on record; begin again without it';
    for (const next of early) {
      const { status, body } = await app.get(next, caller);
      t.deepEqual([status, body.detail, body.errors[0].parameter], [400, gone, 'cursor'], next);
    }
    for (const next of late) {
      const { status, body } = await app.get(next, caller);
      t.is(status, 200, next);
      t.true(
        body.items.every(({ id }: { id: string }) => Number(id) > 8),
        'what is left of it',
      );
    }
    await appendLogouts(app.store, 3);
    await app.store.write(() => ({
      outcome: null,
      effects: { events: [1, 2, 3].map(() => eventOf(systemOrigin, 'logout', { userId: 'u1' })) },
    }));
    const ofUser = await begin('limit=1&user_id=u1');
    t.is((await app.get(ofUser, caller)).status, 200);
    await app.store.upkeep.eraseEvents('u1', 100);
    t.is((await app.get(ofUser, caller)).body.detail, gone);
  },
);

// SQLite has one writer.
testOn('postgres', 'a reader never sees an event before those that commit ahead of it', async (t, app) => {
  const caller = await app.auditor();
  const held = new pg.Client({ connectionString: app.database.url });
  await held.connect();
  await held.query('begin');
  await held.query('update heads set event_seq = event_seq + 1');
  await held.query(`insert into audit_events (seq, at, action, actor_kind, channel, count, metadata)
    values (2, 1, 'revoke', 'system', 'system', 1, '{}')`);
  const later = appendLogouts(app.store, 1);
  const seen = await app.store.listEvents({ through: 100 }, 100, 100);
  t.deepEqual(
    seen.map(({ seq }) => seq),
    [1],
    'neither the held event nor one after it',
  );
  await held.query('commit');
  await held.end();
  await later;
  t.deepEqual(await walk(app, caller, 'order=oldest'), [1, 2, 3]);
});
