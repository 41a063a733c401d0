// The leaf of an event: frozen to the byte, sensitive to every member, and independent of erased values.
import test from 'ava';
import {
  type ByField,
  commitmentsOf,
  lacksWhatWasErased,
  leafOf,
  personalFields,
  type RecordedEvent,
} from '../../../src/domain/trail/audit-leaf.ts';
import { eventFromRecord, eventToRecord } from '../../../src/domain/trail/audit-record.ts';
import { canonicalJson } from '../../../src/domain/trail/canonical-json.ts';

const salts = Object.fromEntries(
  personalFields.map((field, n) => [field, String(n).repeat(22).slice(0, 22)]),
);
const event: RecordedEvent = {
  seq: 7,
  at: 1_700_000_000_123,
  action: 'logout',
  reason: 'user_logout',
  reasonText: 'bye "now" ü',
  actor: { kind: 'user', id: 'alice' },
  channel: 'logout',
  userId: 'alice',
  clientId: 'app',
  sessionId: 's-1',
  tokenRef: '0123456789abcdef',
  ip: '192.0.2.1',
  userAgent: 'UA/1',
  requestId: 'req-1',
  count: 1,
  metadata: { scope: 'all', a: [1, { z: 1, b: null }] },
  salts,
  erased: {},
};

test('the leaf of a known event is frozen', (t) => {
  t.is(leafOf(event).toString('hex'), 'c0a324e8e71e0c7e24cc9c7644f23c09b81812e82358fb1a02e1f84a10ce868c');
});

test('every member of an event changes its leaf', (t) => {
  const changes: Partial<RecordedEvent>[] = [
    { seq: 8 },
    { at: event.at + 1 },
    { action: 'login' },
    { reason: null },
    { reasonText: 'bye' },
    { actor: { kind: 'user', id: 'bob' } },
    { actor: { kind: 'client', id: 'alice' } },
    { channel: 'api' },
    { userId: 'bob' },
    { userId: null },
    { clientId: 'other' },
    { sessionId: 's-2' },
    { tokenRef: null },
    { ip: '192.0.2.2' },
    { userAgent: 'UA/2' },
    { requestId: 'req-2' },
    { count: 2 },
    { metadata: { scope: 'all' } },
    { salts: { ...salts, ip: 'x'.repeat(22) } },
    { salts: {} },
  ];
  const leaf = leafOf(event);
  for (const change of changes) t.notDeepEqual(leafOf({ ...event, ...change }), leaf, JSON.stringify(change));
});

test('an event keeps its leaf when its personal members are erased', (t) => {
  const erased: RecordedEvent = {
    ...event,
    userId: null,
    actor: { kind: 'user', id: null },
    sessionId: null,
    ip: null,
    userAgent: null,
    reasonText: null,
    metadata: {},
    salts: {},
    erased: commitmentsOf(event),
  };
  t.deepEqual(leafOf(erased), leafOf(event));
  t.deepEqual(leafOf(eventFromRecord(JSON.parse(JSON.stringify(eventToRecord(erased))))), leafOf(event));
});

test('an event that went through an export has the same leaf', (t) => {
  t.deepEqual(leafOf(eventFromRecord(JSON.parse(JSON.stringify(eventToRecord(event))))), leafOf(event));
});

test('an event says of nothing that it was erased but of what it lacks', (t) => {
  const without: RecordedEvent = { ...event, ip: null };
  const commitment = 'A'.repeat(43);
  t.true(lacksWhatWasErased(event));
  t.true(lacksWhatWasErased({ ...without, erased: { ip: commitment } }));
  t.false(lacksWhatWasErased({ ...event, erased: { ip: commitment } }));
  for (const erased of [{ ip: null }, { client_id: commitment }])
    t.false(lacksWhatWasErased({ ...without, erased: erased as ByField }), JSON.stringify(erased));
});

test('canonical JSON sorts members at every depth', (t) => {
  t.is(canonicalJson({ b: [2, { y: 1, x: undefined }], a: 'ü"' }), '{"a":"ü\\"","b":[2,{"y":1}]}');
});
