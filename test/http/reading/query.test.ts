// Bad queries at the endpoints that auditors and operators read: a problem that names the parameter, never its
// value; and a cursor goes with the query that gave it out.
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { canary } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { newKeys, seal } from '../../helpers/trail.ts';

const time = 'must be an RFC 3339 time such as 2026-11-20T10:30:00Z';
const range = { 'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z': 'to is before from' };
const unknown = { 'colour=red': 'colour is not known here', 'limit=1&limit=2': 'limit is repeated' };
const times = {
  'from=yesterday': `from ${time}`,
  'to=2026-01-01': `to ${time}`,
  'from=2026-02-30T00:00:00Z': `from ${time}`,
  'from=2026-01-01T25:00:00Z': `from ${time}`,
  'from=2026-01-01T24:00:00Z': `from ${time}`,
  'from=0000-01-01T00:00:00%2B14:00': `from ${time}`,
  'from=9999-12-31T23:59:59.999-23:59': `from ${time}`,
  'from=1767225600': `from ${time}`,
  'to=': `to ${time}`,
  ...range,
};
const filters = {
  ...times,
  'user_id=': 'user_id is empty',
  'user_id=a%00b': 'user_id has control characters',
  [`user_id=${'u'.repeat(300)}`]: 'user_id is over 255 characters',
  'client_id=a%0Ab': 'client_id has control characters',
  'session_id=': 'session_id is empty',
  'token_ref=XYZ': 'token_ref must be the first 16 hex digits of the digest of a token',
  'action=everything': 'action is not an action of the audit trail',
  'reason=because': 'reason is not a reason code',
  'actor_kind=robot': 'actor_kind must be one of: client, user, operator, system',
  'actor_id=': 'actor_id is empty',
  'ip=localhost': 'ip is not an IP address',
  'request_id=a%20b': 'request_id has the wrong form',
};
const limits = {
  'limit=0': 'limit must be from 1 to 1000',
  'limit=1001': 'limit must be from 1 to 1000',
  'limit=-1': 'limit must be from 1 to 1000',
  'limit=ten': 'limit must be from 1 to 1000',
  'limit=': 'limit must be from 1 to 1000',
};
const encode = (position: unknown) => Buffer.from(JSON.stringify(position)).toString('base64url');
const badCursor = 'cursor was not given out by this query';
const cursors = Object.fromEntries(
  ['', 'nonsense', encode({}), encode([]), encode(['a']), encode([-5, -5, '']), encode([1e308, 1, ''])].map(
    (cursor) => [`cursor=${cursor}`, badCursor],
  ),
);

const queries: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/v1/audit/events': {
    ...unknown,
    ...filters,
    ...limits,
    ...cursors,
    'order=random': 'order must be newest or oldest',
  },
  '/v1/audit/events/1': { 'user_id=u1': 'user_id is not known here' },
  '/v1/audit/summary': {
    'colour=red': 'colour is not known here',
    'limit=1': 'limit is not known here',
    ...filters,
    'interval=minute': 'interval must be hour or day',
    'interval=hour&from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z': 'from is over 744 intervals before to',
  },
  '/v1/audit/export': {
    'colour=red': 'colour is not known here',
    'limit=1': 'limit is not known here',
    ...filters,
    'format=xml': 'format must be ndjson or csv',
    'after=-1': 'after must be the id of an event',
    'after=one': 'after must be the id of an event',
    'through=': 'through must be the id of an event',
    'through=999999': 'through is after the last event',
    'after=2&through=1': 'after is after the end of the export',
  },
  '/v1/audit/seals': { ...unknown, ...limits, ...cursors },
  '/v1/audit/seal-keys': { 'kid=1': 'kid is not known here' },
  '/v1/sessions': {
    ...unknown,
    '': 'user_id is missing',
    'user_id=': 'user_id is empty',
    'user_id=a%00b': 'user_id has control characters',
    'user_id=u1&issuer=': 'issuer is empty',
    ...under('user_id=u1', { ...limits, ...cursors }),
  },
  '/v1/revocations': {
    ...unknown,
    ...times,
    ...limits,
    ...cursors,
    'kind=everything': 'kind must be one of: token, jti, grant, session, key, subject, client, issuer',
    'id=1': 'id goes with kind',
    'kind=jti&id=a%00b': 'id has control characters',
    'kind=jti&id=': 'id is empty',
    'issuer=a%00b': 'issuer has control characters',
    'issuer=': 'issuer is empty',
    'kind=token&issuer=x': 'issuer does not go with the kind token: a token is named by its digest alone',
    'reason=because': 'reason is not a reason code',
  },
  '/v1/revocations/1': { 'kind=jti': 'kind is not known here' },
  '/v1/clients': { ...unknown, ...limits, ...cursors },
  '/v1/issuers': { ...unknown, ...limits, ...cursors },
  '/v1/clients/nobody': { 'limit=1': 'limit is not known here' },
  '/v1/issuers/nobody': { 'limit=1': 'limit is not known here' },
};

function under(query: string, cases: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(cases).map(([more, detail]) => [`${query}&${more}`, detail]));
}

function reader(app: TestApp) {
  return app.addClient({ permissions: ['audit', 'admin', 'revoke:any'] });
}

testEachDatabase('a bad query is a problem that names the parameter, and is not read', async (t, app) => {
  t.timeout(120_000);
  const auth = await reader(app);
  await app.json('/v1/revocations', { target: { kind: 'jti', jti: 'j1' }, reason: 'admin' }, auth);
  for (const [path, cases] of Object.entries(queries)) {
    for (const [query, detail] of Object.entries(cases)) {
      const { status, headers, body } = await app.get(`${path}?${query}`, auth);
      const name = `${path}?${query}`;
      t.is(status, 400, name);
      t.is(headers['content-type'], 'application/problem+json', name);
      t.is(body.detail, detail, name);
      t.is(body.errors[0].message, detail, name);
      t.true(detail.startsWith(body.errors[0].parameter), name);
    }
  }
  t.deepEqual(await app.events('audit_read'), []);
  t.deepEqual(await app.events('audit_exported'), []);
});

testEachDatabase(
  'what would change something has no query parameters, and is not done with any',
  async (t, app) => {
    const auth = await app.addClient({ permissions: ['register', 'audit', 'admin', 'revoke:any'] });
    const token = await app.register({ client_id: 'c1', sub: 'u1' });
    const target = { kind: 'subject', sub: 'u1' };
    const bodies = {
      '/v1/revocations': { target, reason: 'admin' },
      '/v1/tokens': app.registration({ token: app.newToken(), client_id: 'c1' }),
      '/v1/tokens/explain': { token },
      '/v1/clients': { permissions: [] },
      [`/v1/clients/${auth.client_id}/disable`]: {},
      '/v1/issuers': { issuer: 'https://new.example', jwks_uri: 'https://new.example/jwks' },
    };
    for (const [path, body] of Object.entries(bodies)) {
      const { status, body: problem } = await app.json(`${path}?dry_run=true`, body, auth);
      t.is(status, 400, path);
      t.is(problem.detail, 'dry_run is not known here', path);
    }
    t.true(await app.isActive(token));
    t.deepEqual(await app.events('bulk_revoke'), []);
  },
);

testEachDatabase('what has no such id is 404, also when it could be none', async (t, app) => {
  const auth = await reader(app);
  for (const id of ['0', '-1', '01', 'one', '999999', '9'.repeat(30), '%00', '1%20'])
    for (const path of ['/v1/audit/events', '/v1/revocations'])
      t.is((await app.get(`${path}/${id}`, auth)).body.code, 'not_found', `${path}/${id}`);
});

testEachDatabase('a cursor after ids of any length leads on', async (t, app) => {
  const auth = await reader(app);
  for (const n of [1, 2]) {
    const session_id = `${'\u{1f600}'.repeat(254)}${n}`;
    await app.register({ client_id: 'c1', sub: 'u1', session_id });
  }
  const first = await app.get('/v1/sessions?limit=1&user_id=u1', auth);
  const next = await app.get(`/v1/sessions?limit=1&user_id=u1&cursor=${first.body.next_cursor}`, auth);
  t.is(next.body.items.length, 1);
  t.not(next.body.items[0].session_id, first.body.items[0].session_id);
});

testEachDatabase('a cursor goes with no other list, filter, order or user', async (t, app) => {
  const auth = await reader(app);
  const keys = await newKeys(t);
  const otherIssuer = 'https://other.example';
  const registrar = await app.addClient({ permissions: ['register'], issuers: [publicUrl, otherIssuer] });
  const register = (iss: string, members: object) => {
    const body = app.registration({ token: app.newToken(), client_id: 'c1', iss, ...members });
    return app.json('/v1/tokens', body, registrar);
  };
  for (const sub of ['u1', 'u2']) {
    for (const device of ['phone', 'laptop'])
      for (const iss of [publicUrl, otherIssuer])
        await register(iss, { sub, session_id: `${sub}-${device} at ${iss}` });
    for (const kind of ['jti', 'grant'])
      await app.json(
        '/v1/revocations',
        {
          target: {
            kind,
            jti: kind === 'jti' ? sub : undefined,
            grant_id: kind === 'grant' ? sub : undefined,
          },
          reason: 'admin',
        },
        auth,
      );
    await app.json(
      '/v1/issuers',
      { issuer: `https://${sub}.example`, jwks_uri: `https://${sub}.example/jwks` },
      auth,
    );
    await seal(app.store, keys);
  }
  const lists = [
    '/v1/audit/events?limit=1',
    '/v1/audit/events?limit=1&order=oldest',
    '/v1/audit/events?limit=1&action=login',
    '/v1/audit/seals?limit=1',
    '/v1/sessions?limit=1&user_id=u1',
    '/v1/sessions?limit=1&user_id=u2',
    `/v1/sessions?limit=1&user_id=u1&issuer=${encodeURIComponent(otherIssuer)}`,
    '/v1/revocations?limit=1',
    '/v1/revocations?limit=1&kind=jti',
    '/v1/clients?limit=1',
    '/v1/issuers?limit=1',
  ];
  const given: string[] = [];
  for (const list of lists) {
    const cursor = (await app.get(list, auth)).body.next_cursor;
    t.is(typeof cursor, 'string', list);
    given.push(cursor);
  }
  for (const [n, list] of lists.entries()) {
    for (const [of, cursor] of given.entries()) {
      const { status, body } = await app.get(`${list}&cursor=${cursor}`, auth);
      if (n === of) t.is(status, 200, list);
      else t.is(body.detail, badCursor, `${list} with the cursor of ${lists[of]}`);
    }
  }
});

testEachDatabase('GET of a list refuses parameters by name', async (t, app) => {
  const caller = await app.addClient({ permissions: ['admin', 'audit'] });
  const lists: [string, [query: string, message: string][]][] = [
    ['/v1/clients', []],
    [
      '/v1/audit/events',
      [
        ['action=nothing', 'action is not an action of the audit trail'],
        [`from=${canary}`, 'from must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['to=2026-13-01T00:00:00Z', 'to must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['from=2026-11-20T10:30:00', 'from must be an RFC 3339 time such as 2026-11-20T10:30:00Z'],
        ['from=2026-11-20T10:30:00Z&to=2026-11-19T10:30:00Z', 'to is before from'],
        ['user_id=a%00', 'user_id has control characters'],
        ['client_id=a%0a', 'client_id has control characters'],
      ],
    ],
  ];
  const common: [string, string][] = [
    ['limit=0', 'limit must be from 1 to 1000'],
    ['limit=1001', 'limit must be from 1 to 1000'],
    [`limit=${canary}`, 'limit must be from 1 to 1000'],
    ['limit=1&limit=2', 'limit is repeated'],
    [`surplus=${canary}`, 'surplus is not known here'],
    [`${canary}=1`, 'a parameter is not known here'],
    [`cursor=${canary}`, 'cursor was not given out by this query'],
    ['cursor=', 'cursor was not given out by this query'],
    [`cursor=${Buffer.from('[null]').toString('base64url')}`, 'cursor was not given out by this query'],
    [`cursor=${Buffer.from('["a\\u0000"]').toString('base64url')}`, 'cursor was not given out by this query'],
    [
      `cursor=${Buffer.from('[1e400,{"x":1}]').toString('base64url')}`,
      'cursor was not given out by this query',
    ],
  ];
  for (const [path, own] of lists) {
    for (const [query, message] of [...common, ...own]) {
      const { status, body, text } = await app.get(`${path}?${query}`, caller);
      t.is(status, 400, query);
      t.is(body.detail, message, query);
      t.false(text.includes(canary), query);
    }
  }
});
