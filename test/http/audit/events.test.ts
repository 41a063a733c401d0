// GET /v1/audit/events: what an event shows, filters, and walks that neither skip nor repeat while others write.
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { logIn } from '../../helpers/logins.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

const path = '/v1/audit/events';

interface Item {
  readonly id: string;
  readonly action: string;
  readonly user_id: string | null;
}

/** Follows the links from page to page; `between` is run after each. */
async function walk(
  app: TestApp,
  caller: TestClient,
  query: string,
  between: () => Promise<unknown> = async () => {},
): Promise<Item[]> {
  const items: Item[] = [];
  for (let next: string | undefined = `${path}?${query}`; next !== undefined; ) {
    const { body, headers }: Reply = await app.get(next, caller);
    items.push(...body.items);
    next = /^<(.*)>; rel="next"$/.exec(headers.link ?? '')?.[1];
    await between();
  }
  return items;
}

testEachDatabase('GET /v1/audit/events shows an event with all that is known of it', async (t, app) => {
  const caller = await app.auditor();
  const client = await app.addClient();
  const { refresh } = await logIn(app, client, { session_id: 's1' });
  const headers = { 'X-Request-Id': 'req-1', 'User-Agent': 'tool/1.0' };
  await app.form('/revoke', { token: refresh, reason: 'lost it' }, client, { headers });
  const { status, body } = await app.get(`${path}?action=revoke`, caller);
  t.is(status, 200);
  t.is(body.next_cursor, null);
  const [{ id, token_ref, ...event }, ...others] = body.items;
  t.deepEqual(others, []);
  t.regex(id, /^\d+$/);
  t.regex(token_ref, /^[0-9a-f]{16}$/);
  t.deepEqual(event, {
    time: new Date(app.clock.now).toISOString(),
    action: 'revoke',
    reason: 'client_request',
    reason_text: 'lost it',
    actor: { kind: 'client', id: client.client_id },
    channel: 'oauth',
    user_id: 'u1',
    client_id: client.client_id,
    session_id: 's1',
    ip: '127.0.0.1',
    user_agent: 'tool/1.0',
    request_id: 'req-1',
    count: 1,
    metadata: {},
  });
});

testEachDatabase(
  'GET /v1/audit/events filters by user, client, action and half-open time',
  async (t, app) => {
    const caller = await app.auditor();
    const [one, two] = [await app.addClient(), await app.addClient()];
    const times: string[] = [];
    for (const [client, sub] of [
      [one, 'u1'],
      [two, 'u1'],
      [one, 'u2'],
    ] as const) {
      times.push(new Date(app.clock.now).toISOString());
      const { refresh } = await logIn(app, client, { sub });
      await app.json('/logout', { refresh_token: refresh });
      app.advance(60);
    }
    const count = async (query: string) => (await app.get(`${path}?${query}`, caller)).body.items.length;
    t.is(await count('user_id=u1'), 4);
    t.is(await count(`user_id=u1&client_id=${one.client_id}`), 2);
    t.is(await count('user_id=u1&action=login'), 2);
    t.is(await count('action=logout'), 3);
    t.is(await count(`action=logout&from=${times[1]}`), 2);
    t.is(await count(`action=logout&to=${times[1]}`), 1);
    t.is(await count(`action=logout&from=${times[1]}&to=${times[1]}`), 0);
    t.is(await count(`action=logout&from=${encodeURIComponent(`${times[1]?.slice(0, -1)}+00:00`)}`), 2);
    t.is(await count('user_id=nobody'), 0);
  },
);

testEachDatabase(
  'GET /v1/audit/events walked while events are written neither skips nor repeats',
  async (t, app) => {
    const caller = await app.auditor();
    const write = () => app.json('/logout', { refresh_token: 'unknown' });
    const client = await app.addClient();
    for (let n = 0; n < 4; n++) await logIn(app, client);
    const before = (await app.events()).map(({ seq }) => String(seq)).reverse();
    const walked = await walk(app, caller, 'limit=3', () => Promise.all([write(), logIn(app, client)]));
    t.deepEqual(
      walked.map(({ id }) => id),
      before,
    );
  },
);

testEachDatabase(
  'GET /v1/audit/events gives every event once to a reader that polls while two servers write',
  async (t, app) => {
    const other = await app.another();
    const caller = await app.auditor();
    const clients = [await app.addClient(), await app.addClient()];
    const writing = Promise.all(
      Array.from({ length: 40 }, (_, n) => logIn(n % 2 ? app : other, clients[n % 2] as TestClient)),
    );
    let isWriting = true;
    void writing.then(() => {
      isWriting = false;
    });
    const seen = new Set<string>();
    do {
      const page = await app.get(`${path}?limit=1000`, caller);
      const ids: number[] = page.body.items.map(({ id }: Item) => Number(id));
      t.deepEqual(
        ids,
        Array.from({ length: ids.length }, (_, n) => ids.length - n),
        'dense, newest first',
      );
      for (const id of ids) seen.add(String(id));
    } while (isWriting);
    await writing;
    t.is((await walk(app, caller, 'limit=7&action=login')).length, 40);
  },
);

testEachDatabase('GET /v1/audit/events refuses a cursor that belongs to another query', async (t, app) => {
  const caller = await app.auditor();
  await logIn(app, await app.addClient());
  const { body } = await app.get(`${path}?limit=1`, caller);
  const cursor = body.next_cursor;
  t.is((await app.get(`${path}?limit=2&cursor=${cursor}`, caller)).status, 200);
  const refused = await app.get(`${path}?limit=1&user_id=u1&cursor=${cursor}`, caller);
  t.is(refused.status, 400);
  t.is(refused.body.detail, 'cursor was not given out by this query');
});

testEachDatabase('GET /v1/audit/events is for auditors', async (t, app) => {
  const weak = await app.addClient({ permissions: ['admin', 'introspect:any'] });
  const reply = await app.get(path, weak);
  t.deepEqual([reply.status, reply.body.code], [403, 'insufficient_permission']);
});

testEachDatabase('GET /v1/audit/events answers 503 while the store fails', async (t, app) => {
  const caller = await app.auditor();
  await app.get(path, caller);
  app.store.fault = 'everything';
  const reply = await app.get(path, caller);
  t.deepEqual(
    [reply.status, reply.headers['retry-after'], reply.body.code],
    [503, '1', 'temporarily_unavailable'],
  );
});

testEachDatabase(
  'addresses are kept in one writing, without zones, and found in any',
  async (t, app) => {
    const issuer = await app.issuer();
    const auditor = await app.auditor();
    const ips = { '2001:DB8:0:0:0:0:0:1': '2001:db8::1', '::FFFF:c000:207': '192.0.2.7', '::1': '::1' };
    for (const [written, kept] of Object.entries(ips)) {
      const login = { token: app.newToken(), client_id: 'c1', session_id: written, ip: written };
      const headers = { 'X-Forwarded-For': `10.0.0.1, ${written}%zone` };
      t.is((await app.json('/v1/tokens', app.registration(login), issuer)).status, 201);
      await app.json('/logout', { refresh_token: 'unknown' }, undefined, {
        headers: written.includes('FFFF') ? { 'X-Forwarded-For': written } : headers,
      });
      const { body } = await app.get(`/v1/audit/events?ip=${encodeURIComponent(written)}`, auditor);
      const found = body.items.map(({ action, ip }: Record<string, string>) => [action, ip]);
      t.deepEqual(found, [
        ['logout_invalid_token', kept],
        ['login', kept],
      ]);
    }
  },
  { TRUST_PROXY: '127.0.0.1' },
);
