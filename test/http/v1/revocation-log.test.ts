// GET /v1/revocations: the log of what was ended.
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import type { TestClient } from '../../helpers/requests.ts';

const operator = (app: TestApp): Promise<TestClient> =>
  app.addClient({ permissions: ['revoke:any', 'audit'] });

testEachDatabase('GET /v1/revocations finds the rows of an issuer by its name', async (t, app) => {
  const ops = await app.addClient({ permissions: ['revoke:any', 'audit'] });
  const issuer = 'https://id.example';
  for (const name of [issuer, publicUrl]) {
    const order = { target: { kind: 'issuer', issuer: name }, reason: 'key_compromise', confirm: name };
    t.is((await app.json('/v1/revocations', order, ops)).status, 201);
  }
  const find = async (query: string) =>
    (await app.get(`/v1/revocations?${query}`, ops)).body.items.map((row: { target: object }) => row.target);
  for (const query of [`id=${issuer}`, `issuer=${issuer}`, `id=${issuer}&issuer=${issuer}`])
    t.deepEqual(await find(`kind=issuer&${query}`), [{ kind: 'issuer', issuer }], query);
  t.deepEqual(await find(`kind=issuer&id=${issuer}&issuer=${publicUrl}`), []);
});

testEachDatabase(
  'GET /v1/revocations lists the log by cursor and filter, and shows one row',
  async (t, app) => {
    const ops = await operator(app);
    for (const sub of ['u1', 'u2', 'u1', 'u3', 'u1']) {
      app.advance(10);
      await app.json('/v1/revocations', { target: { kind: 'subject', sub }, reason: 'policy' }, ops);
    }
    await app.json('/v1/revocations', { target: { kind: 'jti', jti: 'j1' }, reason: 'admin' }, ops, {
      headers: { 'X-Request-Id': 'incident-7' },
    });
    const seqs = (reply: { body: { items: { seq: number }[] } }) => reply.body.items.map(({ seq }) => seq);
    const first = await app.get('/v1/revocations?limit=4', ops);
    t.deepEqual(seqs(first), [6, 5, 4, 3]);
    const next = await app.get(`/v1/revocations?limit=4&cursor=${first.body.next_cursor}`, ops);
    t.deepEqual(seqs(next), [2, 1]);
    t.is(next.body.next_cursor, null);
    t.deepEqual(seqs(await app.get('/v1/revocations?kind=subject&id=u1', ops)), [5, 3, 1]);
    t.deepEqual(seqs(await app.get('/v1/revocations?reason=admin', ops)), [6]);
    const from = encodeURIComponent(first.body.items[2].revoked_at);
    t.deepEqual(seqs(await app.get(`/v1/revocations?from=${from}`, ops)), [6, 5, 4]);
    t.deepEqual(seqs(await app.get(`/v1/revocations?to=${from}`, ops)), [3, 2, 1]);
    for (const bad of [
      'kind=planet',
      'id=u1',
      'reason=nonsense',
      'usr=1',
      `kind=jti&cursor=${first.body.next_cursor}`,
    ]) {
      t.is((await app.get(`/v1/revocations?${bad}`, ops)).status, 400, bad);
    }
    t.deepEqual((await app.get('/v1/revocations/6', ops)).body, {
      seq: 6,
      target: { kind: 'jti', issuer: publicUrl, jti: 'j1' },
      final: true,
      cutoff: null,
      has_exception: false,
      reason: 'admin',
      reason_text: null,
      actor: { kind: 'client', id: ops.client_id },
      channel: 'api',
      request_id: 'incident-7',
      revoked_at: new Date(app.clock.now).toISOString(),
    });
    t.is((await app.get('/v1/revocations/7', ops)).status, 404);
    t.is((await app.get('/v1/revocations/x', ops)).status, 404);
  },
);
