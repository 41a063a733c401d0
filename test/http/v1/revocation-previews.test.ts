// POST /v1/revocations: what it would hit, shown beforehand, and what must be confirmed.
import { publicUrl, type TestApp } from '../../helpers/app.ts';
import { unsignedJwt, wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { numberTokensFrom } from '../../helpers/purging.ts';
import type { RequestParts, TestClient } from '../../helpers/requests.ts';

const operator = (app: TestApp): Promise<TestClient> =>
  app.addClient({ permissions: ['revoke:any', 'audit'] });

testEachDatabase('a preview of one token counts it, by whichever of its names', async (t, app) => {
  const ops = await operator(app);
  const signed = unsignedJwt(publicUrl);
  await app.register({ client_id: 'web', token: signed });
  const opaque = await app.register({ client_id: 'web' });
  for (const target of [
    { token: opaque },
    { token_digest: wireDigestOf(opaque) },
    { token: signed },
    { token_digest: wireDigestOf(signed) },
  ]) {
    const order = { target: { kind: 'token', ...target }, reason: 'admin', dry_run: true };
    const { body } = await app.json('/v1/revocations', order, ops);
    t.is(body.would_end.tokens, 1, JSON.stringify(Object.keys(target)));
  }
});

testEachDatabase(
  'a preview of a JWT counts what was registered by the digest of its string',
  async (t, app) => {
    const ops = await operator(app);
    const token = unsignedJwt('https://elsewhere.example');
    const registrar = await app.addClient({
      permissions: ['register'],
      issuers: ['https://elsewhere.example'],
    });
    const said = { client_id: 'web', iss: 'https://elsewhere.example', token_digest: wireDigestOf(token) };
    const registered = await app.json('/v1/tokens', app.registration(said), registrar);
    t.is(registered.status, 201);
    const order = { target: { kind: 'token', token }, reason: 'admin' };
    const preview = await app.json('/v1/revocations', { ...order, dry_run: true }, ops);
    t.is(preview.body.would_end.tokens, 1);
    t.true(await app.isActive(token));
    const { headers } = await app.json('/v1/revocations', order, ops);
    t.is(headers['revocation-seq'], '2', 'by its string, and by what its signature covers');
    t.false(await app.isActive(token));
    const [event] = await app.events('bulk_revoke');
    t.deepEqual(event?.metadata.also, [registered.body.token_ref]);
  },
);

testEachDatabase(
  'POST /v1/revocations with dry_run counts what would end and changes nothing',
  async (t, app) => {
    const ops = await operator(app);
    await app.register({
      client_id: 'web',
      sub: 'u1',
      session_id: 's1',
      token_use: 'refresh_token',
      aud: undefined,
    });
    app.advance(2 * 3600);
    const access = await app.register({ client_id: 'web', sub: 'u1' });
    const ended = await app.register({ client_id: 'tv', sub: 'u1' });
    await app.register({ client_id: 'tv', sub: 'u1', aud: ['https://a.example', 'https://b.example'] });
    await app.json('/v1/revocations', { target: { kind: 'token', token: ended }, reason: 'admin' }, ops);
    const reply = await app.json(
      '/v1/revocations',
      { target: { kind: 'subject', sub: 'u1' }, reason: 'offboarding', dry_run: true },
      ops,
    );
    t.is(reply.status, 200);
    t.like(reply.body, { status: 'dry_run', confirm: null, final: false });
    t.deepEqual(reply.body.would_end, {
      tokens: 2,
      complete: true,
      by_client: [
        { client_id: 'web', tokens: 1 },
        { client_id: 'tv', tokens: 1 },
      ],
      by_audience: [
        { audience: 'https://api.example', tokens: 1 },
        { audience: 'https://a.example', tokens: 1 },
        { audience: 'https://b.example', tokens: 1 },
      ],
      by_last_activity: { hour: 2, day: 0, week: 0, month: 0, older: 0 },
    });
    t.regex(reply.body.notes[0], /Only registered tokens are counted/);
    t.true(await app.isActive(access));
    t.is((await app.get('/v1/revocations', ops)).body.items.length, 1);
  },
);

testEachDatabase('a preview is complete however many registrations were purged before', async (t, app) => {
  const ops = await operator(app);
  await numberTokensFrom(app.database, 2_000_000);
  await app.register({ client_id: 'web' });
  for (const [client_id, tokens] of [
    ['web', 1],
    ['tv', 0],
  ]) {
    const order = { target: { kind: 'client', client_id }, reason: 'admin', dry_run: true };
    const { body } = await app.json('/v1/revocations', order, ops);
    t.like(body.would_end, { tokens, complete: true }, String(client_id));
  }
});

testEachDatabase(
  'POST /v1/revocations of a client wants a confirmation, by code or by its id',
  async (t, app) => {
    const ops = await operator(app);
    const other = await operator(app);
    const token = await app.register({ client_id: 'web', sub: 'u1' });
    const ask = (confirm: string | undefined, more: object = {}, client = ops, parts?: RequestParts) =>
      app.json(
        '/v1/revocations',
        { target: { kind: 'client', client_id: 'web' }, reason: 'credential_compromise', confirm, ...more },
        client,
        parts,
      );
    const missing = await ask(undefined);
    t.is(missing.status, 409);
    t.is(missing.body.code, 'confirmation_required');
    t.is(missing.body.preview.would_end.tokens, 1);
    const { code } = missing.body.preview.confirm;
    t.is((await ask('tv')).status, 409, 'the id of something else');
    t.is((await ask(code, {}, other)).status, 409, 'the code of another caller');
    t.is((await ask(code, { cutoff: new Date(app.clock.now).toISOString() })).status, 409, 'another cutoff');
    t.is((await ask(code, { target: { kind: 'client', client_id: 'tv' } })).status, 409, 'another target');
    t.is((await ask(`${code.slice(0, -1)}${code.endsWith('A') ? 'B' : 'A'}`)).status, 409, 'a forged code');
    app.advance(600);
    t.is((await ask(code)).status, 409, 'a code of ten minutes ago');
    t.true(await app.isActive(token));
    const { code: fresh } = (await ask(undefined)).body.preview.confirm;
    const done = await ask(fresh);
    t.is(done.status, 201);
    t.true(done.body.notes.some((note: string) => /suspends nobody/.test(note)));
    t.false(await app.isActive(token));
    t.is((await ask('web')).status, 201, 'the id typed out');
    const once = { headers: { 'Idempotency-Key': 'k1' } };
    const { code: last } = (await ask(undefined)).body.preview.confirm;
    const first = await ask(last, {}, ops, once);
    app.advance(600);
    t.deepEqual((await ask(last, {}, ops, once)).body, first.body, 'a repeated order is confirmed as it was');
  },
);

testEachDatabase(
  'POST /v1/revocations takes the code of another process when they share CONFIRM_SECRET',
  async (t, app) => {
    const ops = await operator(app);
    const order = { target: { kind: 'client', client_id: 'web' }, reason: 'admin' };
    const preview = await app.json('/v1/revocations', { ...order, dry_run: true }, ops);
    const { code } = preview.body.confirm;
    const sharing = await app.another({ CONFIRM_SECRET: 'q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU' });
    const alone = await app.another();
    t.is((await alone.json('/v1/revocations', { ...order, confirm: code }, ops)).status, 409);
    t.is((await sharing.json('/v1/revocations', { ...order, confirm: code }, ops)).status, 201);
  },
  { CONFIRM_SECRET: 'q7Zr0LxT3mVb9NcK5sWd8HfJ2gYp4AeU' },
);
