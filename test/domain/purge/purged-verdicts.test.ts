// Purging changes no verdict: of registered tokens and of JWTs that nobody registered, of names that come back,
// and when the longest life of tokens is raised or lowered afterwards.
import { createHash } from 'node:crypto';
import { forever } from '../../../src/domain/cutoffs.ts';
import { countPurgeable } from '../../../src/domain/purge/purge.ts';
import { dueRows } from '../../../src/domain/purge/purge-rules.ts';
import { dialectOf } from '../../../src/store/dialect.ts';
import { purgePolicyOf } from '../../../src/upkeep/schedule.ts';
import type { TestApp } from '../../helpers/app.ts';
import { testEachDatabase, testOn } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import { purgeNow, trustForOneClient } from '../../helpers/purging.ts';
import type { TestClient } from '../../helpers/requests.ts';
import { byHand } from '../../helpers/tamper.ts';

const hour = 3600;
const day = 24 * hour;
const raised = { TOKEN_LIFETIME_DAYS_MAX: '800' };

testEachDatabase(
  'a JWT older than what was purged stays dead when the longest life of tokens is raised, wherever it is shown',
  async (t, app) => {
    const { client, issuer, end } = await trustForOneClient(app, {
      reach: 'all',
      scope_permissions: { auditor: ['audit'] },
    });
    const claims = { aud: app.policy.publicUrl, scope: 'auditor', exp: app.seconds + 700 * day };
    const old = await issuer.sign(claims);
    const refresh = await issuer.sign({ ...claims, token_use: 'refresh' });
    t.true(await app.isActive(old));
    t.is((await end({ kind: 'subject', sub: 'u1' })).status, 201);
    t.false(await app.isActive(old));
    app.advance(401 * day);
    t.like(await purgeNow(app), { revocations: 1, cutoffs: 1 });

    const young = await issuer.sign({ ...claims, exp: app.seconds + day });
    const later = await app.another(raised);
    for (const server of [app, later]) {
      t.deepEqual(await server.introspect(old), { active: false });
      t.true(await server.isActive(young));
      t.is((await server.get('/v1/audit/events', `Bearer ${old}`)).status, 401);
      t.is((await server.get('/v1/audit/events', `Bearer ${young}`)).status, 200);
      const explained = await server.json('/v1/tokens/explain', { token: old }, client);
      t.like(explained.body, { active: false, cause: 'unknown' });
      const revoked = await server.form('/revoke', { token: old }, client);
      t.deepEqual(revoked.body, { status: 'already_inactive', reason: 'token_not_found' });
      const loggedOut = await server.json('/logout', { refresh_token: refresh });
      t.deepEqual(loggedOut.body.data, { status: 'already_logged_out', reason: 'token_not_found' });
    }
  },
);

testEachDatabase(
  'a server that runs while another one purges knows at once how far back that reached',
  async (t, app) => {
    const { issuer, end } = await trustForOneClient(app);
    const other = await app.another();
    await end({ kind: 'subject', sub: 'somebody' });
    const instant = app.clock.now;
    const isForgotten = (issuedFrom: number) =>
      other.store.ask((facts) => facts.isForgotten(issuedFrom, forever));
    t.false(await isForgotten(instant));
    app.advance(401 * day);
    await purgeNow(app);
    t.true(await isForgotten(instant));
    t.false(await isForgotten(instant + 1));
    t.true(await other.isActive(await issuer.sign({ exp: app.seconds + day })));
  },
);

testEachDatabase('a purge whose clock is ahead brings no JWT back', async (t, app) => {
  const { issuer, client } = await trustForOneClient(app);
  const token = await issuer.sign({ exp: app.seconds + hour });
  await app.form('/revoke', { token }, client);
  const right = app.clock.now;
  app.advance(3 * hour);
  t.like(await purgeNow(app), { revocations: 1 });
  app.clock.now = right + 1;
  t.false(await app.isActive(token));
  const other = await app.another();
  t.false(await other.isActive(token), 'nor in a process that starts later');
  app.advance(hour / 4);
  t.true(await app.isActive(await issuer.sign({ exp: app.seconds + hour })), 'what was issued since lives');
});

for (const [by, aheadSeconds] of [
  ['its own name', 4_300],
  ['its user', 403 * day],
] as const) {
  testEachDatabase(
    `a purge whose clock is ahead brings no token back that was revoked by ${by}, where it is remembered`,
    async (t, app) => {
      const client = await app.addClient({ permissions: ['revoke:any'] });
      const lives = { client_id: client.client_id, sub: 'u1', exp: app.seconds + 600 };
      const token = await app.register(lives);
      const other = await app.another();
      for (const server of [app, other, app, other, app, other]) t.true(await server.isActive(token));
      if (by === 'its own name') await app.form('/revoke', { token }, client);
      else
        await app.json(
          '/v1/revocations',
          { target: { kind: 'subject', sub: 'u1' }, reason: 'admin' },
          client,
        );
      t.deepEqual([await app.isActive(token), await other.isActive(token)], [false, false]);
      app.advance(aheadSeconds);
      t.true(((await purgeNow(app)).revocations ?? 0) > 0);
      app.advance(-aheadSeconds);
      t.deepEqual([await app.isActive(token), await other.isActive(token)], [false, false]);
      const late = await app.form('/revoke', { token }, client);
      t.is(late.body.status, 'already_inactive');
    },
  );
}

testEachDatabase(
  'a purge whose clock is ahead brings no JWT back that is signed for longer than it is registered',
  async (t, app) => {
    const { client, issuer } = await trustForOneClient(app);
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const token = await issuer.sign({ exp: app.seconds + day });
    const body = app.registration({ token, client_id, sub: 'u1', iss: issuer.name, exp: app.seconds + 600 });
    t.is((await app.json('/v1/tokens', body, registrar)).status, 201);
    app.advance(601);
    t.false(await app.isActive(token));
    const right = app.clock.now;
    app.advance(402 * day);
    t.like(await purgeNow(app), { jwts: 1, revocations: 0 });
    app.clock.now = right;
    for (const server of [app, await app.another()]) t.false(await server.isActive(token));
    app.advance(hour / 4);
    t.true(await app.isActive(await issuer.sign({ exp: app.seconds + day })), 'what was issued since lives');
  },
);

testEachDatabase(
  'a purge whose clock is ahead brings no JWT back that is registered for longer than it is signed',
  async (t, app) => {
    const { issuer, client } = await trustForOneClient(app);
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const token = await issuer.sign({ exp: app.seconds + hour });
    const body = app.registration({ token, client_id, sub: 'u1', iss: issuer.name, exp: app.seconds + day });
    t.true((await app.json('/v1/tokens', body, registrar)).body.active);
    t.true(await app.isActive(token));
    await app.form('/revoke', { token }, client);
    const right = app.clock.now;
    app.advance(3 * hour);
    t.like(await purgeNow(app), { tokens: 0, revocations: 0 });
    app.clock.now = right + 1;
    for (const server of [app, await app.another()]) {
      t.false(await server.isActive(token));
      const again = await server.form('/revoke', { token }, client);
      t.deepEqual(again.body, { status: 'already_inactive', reason: 'token_already_revoked' });
      t.like((await server.json('/v1/tokens', body, registrar)).body, {
        status: 'already_registered',
        active: false,
      });
    }
    app.advance(day + 2 * hour);
    t.like(await purgeNow(app), { tokens: 1, revocations: 1 });
    t.false(await app.isActive(token));
  },
);

testEachDatabase(
  'a purge whose clock is ahead brings no token back that is registered again',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any'] });
    const { client_id } = client;
    const issuer = await app.issuer();
    const register = (token: string, times: object = {}) =>
      app.json('/v1/tokens', app.registration({ token, client_id, sub: 'u1', ...times }), issuer);
    const right = app.clock.now;
    const times = { iat: app.seconds, exp: app.seconds + hour };
    const token = app.newToken();
    t.is((await register(token, times)).status, 201);
    await app.form('/revoke', { token }, client);
    app.advance(3 * hour);
    t.like(await purgeNow(app), { tokens: 1, revocations: 1 });
    app.clock.now = right + 1;
    for (const server of [app, await app.another()]) {
      const body = app.registration({ token, client_id, sub: 'u1', ...times });
      const again = await server.json('/v1/tokens', body, issuer);
      t.is(again.status, 400);
      t.is(again.body.errors[0].parameter, 'iat');
      t.is(again.body.detail, 'iat lies before what is still known of revocations; issue a new token');
      t.false(await server.isActive(token));
    }
    t.is((await register(app.newToken(), { exp: app.seconds + day })).status, 201, 'what it took for living');
    app.advance(hour / 4);
    t.is((await register(app.newToken())).status, 201, 'what was issued since');
  },
);

testEachDatabase(
  'a purge whose clock is ahead by a lifetime brings no user back whose token is registered again',
  async (t, app) => {
    const { client, issuer } = await trustForOneClient(app);
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'] });
    const login = () => app.registration({ token: app.newToken(), client_id, sub: 'u1' });
    const said = login();
    t.is((await app.json('/v1/tokens', said, registrar)).status, 201);
    const right = app.clock.now;
    await app.json('/logout', { user_id: 'u1' }, client);
    app.advance(402 * day);
    t.like(await purgeNow(app), { tokens: 1, revocations: 1, cutoffs: 1 });
    app.clock.now = right + 1000;
    const again = await app.json('/v1/tokens', said, registrar);
    t.deepEqual([again.status, again.body.errors?.[0].parameter], [400, 'iat']);
    t.false(await app.isActive(await issuer.sign({ iat: app.seconds - 60 })), 'nor is a JWT of then known');
    const times = { iat: app.seconds - hour, exp: app.seconds - 1 };
    const expired = await app.json('/v1/tokens', { ...login(), ...times }, registrar);
    t.deepEqual([expired.status, expired.body.active], [201, false], 'an import');
    app.advance(hour / 4);
    t.true((await app.json('/v1/tokens', login(), registrar)).body.active, 'what was issued since');
  },
);

const ways = {
  'POST /revoke': (app, client, token) => app.form('/revoke', { token }, client),
  'POST /logout': (app, _client, token) => app.json('/logout', {}, `Bearer ${token}`),
  'POST /v1/revocations': (app, client, token) =>
    app.json('/v1/revocations', { target: { kind: 'token', token }, reason: 'admin' }, client),
} satisfies Record<string, (app: TestApp, client: TestClient, token: string) => Promise<unknown>>;
const endless = {
  'a JWT whose exp lies further ahead than tokens may live': 2000 * day,
  'a JWT without exp': undefined,
};

for (const [way, revoke] of Object.entries(ways)) {
  for (const [which, life] of Object.entries(endless)) {
    testEachDatabase(`${which} stays revoked by ${way} when it may live longer later`, async (t, app) => {
      const { client, issuer } = await trustForOneClient(app);
      const token = await issuer.sign({ exp: life && app.seconds + life });
      await revoke(app, client, token);
      t.false(await app.isActive(token));
      app.advance(400 * day + hour - 1);
      t.is((await countPurgeable(app.store, purgePolicyOf(app.config))).revocations, 0);
      const later = await app.another(raised);
      t.false(await later.isActive(token), 'its row is there');
      app.advance(400 * day + 2);
      t.is((await purgeNow(later)).revocations, 1);
      t.false(await (await app.another({ TOKEN_LIFETIME_DAYS_MAX: '1600' })).isActive(token));
    });
  }
}

for (const way of ['POST /revoke', 'POST /logout'] as const) {
  for (const [which, life] of Object.entries(endless)) {
    testEachDatabase(
      `${which} stays dead that ${way} said had expired, when it may live longer later`,
      async (t, app) => {
        const { client, issuer } = await trustForOneClient(app);
        const token = await issuer.sign({ exp: life && app.seconds + life });
        app.advance(400 * day);
        t.regex(JSON.stringify(await ways[way](app, client, token)), /token_expired/);
        const later = await app.another(raised);
        t.false(await later.isActive(token));
        app.advance(400 * day + hour + 1);
        t.is((await purgeNow(later)).revocations, 1);
        t.false(await (await app.another({ TOKEN_LIFETIME_DAYS_MAX: '1600' })).isActive(token));
      },
    );
  }
}

testEachDatabase(
  'a JWT of a session that comes back stays dead by the cutoff of an earlier login when it may live longer later',
  async (t, app) => {
    const { client, issuer, end } = await trustForOneClient(app, { reuses_ids: true });
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const old = await issuer.sign({ sid: 's1', exp: app.seconds + 700 * day });
    t.is((await end({ kind: 'session', session_id: 's1' })).status, 201);
    t.false(await app.isActive(old));
    app.advance(300 * day);
    const login = { token: app.newToken(), client_id, sub: 'u1', iss: issuer.name, session_id: 's1' };
    const body = app.registration({ ...login, exp: app.seconds + 300 * day });
    t.true((await app.json('/v1/tokens', body, registrar)).body.active);
    app.advance(101 * day);
    t.like(await purgeNow(app), { revocations: 1, cutoffs: 1 });
    const later = await app.another(raised);
    t.deepEqual([await later.isActive(old), await later.isActive(login.token)], [false, true]);
  },
);

testEachDatabase(
  'a JWT without iat is no older than tokens may live, and not yet valid before that',
  async (t, app) => {
    const { issuer, end } = await trustForOneClient(app);
    const early = await issuer.sign({ iat: undefined, exp: app.seconds + 500 * day });
    t.false(await app.isActive(early));
    const old = await issuer.sign({ iat: undefined, exp: app.seconds + 399 * day });
    t.true(await app.isActive(old));
    await end({ kind: 'subject', sub: 'u1' });
    t.false(await app.isActive(old));
    app.advance(401 * day);
    await purgeNow(app);
    t.true(await app.isActive(await issuer.sign({ iat: undefined, exp: app.seconds + day })));
    const later = await app.another(raised);
    t.false(await later.isActive(await issuer.sign({ iat: undefined, exp: app.seconds + 10 * day })));
    t.true(await later.isActive(await issuer.sign({ iat: undefined, exp: app.seconds + 500 * day })));
  },
);

testEachDatabase(
  'a JWT without iat is not dead by a cutoff of before it was valid, which a purge would take away',
  async (t, app) => {
    const { issuer, end } = await trustForOneClient(app);
    const ahead = await issuer.sign({ iat: undefined, exp: app.seconds + 400 * day + 30 });
    t.true(await app.isActive(ahead), 'clocks may differ');
    await end({ kind: 'subject', sub: 'u1' });
    t.false(await app.isActive(ahead));
    app.advance(day);
    const token = await issuer.sign({ iat: undefined, exp: app.seconds + 400 * day });
    t.true(await app.isActive(token));
    t.false(await app.isActive(await issuer.sign({ iat: undefined, exp: app.seconds + 399 * day })));
    app.advance(399 * day + 2 * hour);
    t.like(await purgeNow(app), { revocations: 1, cutoffs: 1 });
    t.true(await app.isActive(token));

    await end({ kind: 'subject', sub: 'u1' });
    app.advance(day);
    const long = await issuer.sign({ iat: undefined, exp: app.seconds + 400 * day });
    t.true(await app.isActive(long));
    const later = await app.another(raised);
    await purgeNow(later);
    t.deepEqual([await app.isActive(long), await later.isActive(long)], [false, false], 'valid before');
    t.false(await (await app.another()).isActive(long), 'whatever the setting is lowered to');
  },
);

testEachDatabase(
  'a session, grant or jti of an issuer on record stays ended for JWTs that are signed ever after',
  async (t, app) => {
    const { client, issuer, end } = await trustForOneClient(app);
    const names = { sid: 's1', grant_id: 'g1', jti: 'j1' };
    await app.json('/logout', {}, `Bearer ${await issuer.sign({ sid: 's1' })}`);
    await end({ kind: 'grant', grant_id: 'g1' });
    await end({ kind: 'jti', jti: 'j1' });
    await app.json(
      '/v1/revocations',
      { target: { kind: 'session', session_id: 's2', issuer: '*' }, reason: 'admin' },
      client,
    );
    for (let year = 0; year < 3; year++) {
      app.advance(401 * day);
      await purgeNow(app);
      for (const [name, value] of [...Object.entries(names), ['sid', 's2']] as const)
        t.false(await app.isActive(await issuer.sign({ [name]: value })), `${name} ${value}, year ${year}`);
      t.true(await app.isActive(await issuer.sign({ sid: 's3', grant_id: 'g3', jti: 'j3' })));
    }
  },
);

testEachDatabase(
  'a session of home-made tokens stays ended while a secret is shared',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const target = { kind: 'session', session_id: 's1' };
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    await app.json('/v1/revocations', { target, reason: 'admin' }, operator);
    app.advance(401 * day);
    // The server has said so at its start; the command line may not know of the secret.
    const without = { ...purgePolicyOf(app.config), signers: [] };
    t.is((await countPurgeable(app.store, without)).revocations, 0);
    const bearer = await app.register({ client_id, sub: 'u1', session_id: 's1' });
    t.false(await app.isActive(bearer));
  },
  { JWT_SECRET: 'home-made-secret-of-32-characters' },
);

const signedLives = {
  'for longer': (seconds: number) => [{ exp: seconds + 30 * day }, {}],
  'without exp': () => [{ exp: undefined }, {}],
  'without iat': (seconds: number) => [{ iat: undefined, exp: seconds + 399 * day }, {}],
  'later than it is registered': (seconds: number) => [
    { exp: seconds + 399 * day },
    { iat: seconds - 399 * day },
  ],
} satisfies Record<string, (seconds: number) => [object, object] | object[]>;

for (const [how, livesOf] of Object.entries(signedLives)) {
  testEachDatabase(`a JWT that is signed ${how} stays dead by its registration`, async (t, app) => {
    const { client, issuer, end } = await trustForOneClient(app);
    const [signed = {}, registered = {}] = livesOf(app.seconds);
    const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer.name] });
    const register = async (n: number, session: string): Promise<string> => {
      const token = await issuer.sign({ ...signed, n });
      const { client_id } = client;
      const members = { token, client_id, sub: 'u1', iss: issuer.name, session_id: session, ...registered };
      const body = app.registration({ ...members, exp: app.seconds + 600 });
      t.is((await app.json('/v1/tokens', body, registrar)).status, 201);
      return token;
    };
    const expired = await register(1, 's1');
    const revoked = await register(2, 's2');
    t.is((await end({ kind: 'session', session_id: 's2' })).status, 201);
    const unregistered = await issuer.sign({ ...signed, n: 3 });
    app.advance(day);
    await purgeNow(app);
    t.deepEqual([await app.isActive(expired), await app.isActive(revoked)], [false, false]);
    t.true(await app.isActive(unregistered), 'as signed it lives');
    app.advance(401 * day);
    t.is((await purgeNow(app)).jwts, 2);
    t.deepEqual([await app.isActive(expired), await app.isActive(revoked)], [false, false]);
  });
}

const base64urlOf = (text: string) => createHash('sha256').update(text).digest('base64url');

testEachDatabase(
  'a JWT that is registered by its digests stays dead, whoever is trusted when',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any'] });
    const { client_id } = client;
    const registrar = await app.addClient({ permissions: ['register'], issuers: ['https://late.example'] });
    const issuer = await TestIssuer.unknown(app, 'https://late.example');
    const register = async (n: number, { isWhole }: { isWhole: boolean }): Promise<string> => {
      const token = await issuer.sign({ n, exp: app.seconds + 30 * day, client_id });
      const { token: _, ...members } = app.registration({ client_id, exp: app.seconds + 600 });
      const digests = {
        token_digest: base64urlOf(token),
        ...(isWhole && { signing_input_digest: base64urlOf(token.slice(0, token.lastIndexOf('.'))) }),
      };
      const body = { ...members, iss: issuer.name, sub: 'u1', ...digests };
      t.is((await app.json('/v1/tokens', body, registrar)).status, 201);
      return token;
    };
    const revoke = async (token: string) => {
      const target = { kind: 'token', token_digest: base64urlOf(token) };
      t.is((await app.json('/v1/revocations', { target, reason: 'admin' }, client)).status, 201);
    };
    const expired = await register(1, { isWhole: true });
    const revoked = [await register(2, { isWhole: true }), await register(3, { isWhole: false })];
    for (const token of revoked) await revoke(token);
    const tokens = [expired, ...revoked];
    app.advance(day);
    await purgeNow(app);
    await issuer.trust();
    t.deepEqual(await Promise.all(tokens.map((token) => app.isActive(token))), [false, false, false]);
    t.true(await app.isActive(await issuer.sign({ n: 4, exp: app.seconds + day })), 'as signed they live');
    app.advance(401 * day);
    t.like(await purgeNow(app), { jwts: 2, revocations: 2 });
    t.deepEqual(await Promise.all(tokens.map((token) => app.isActive(token))), [false, false, false]);
  },
);

// SQLite lets a purge look for rows only when nothing else is being decided.
testOn(
  'postgres',
  'a purge leaves the row by which a registration has just been answered',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    const target = { kind: 'session', session_id: 's1' };
    await app.json('/v1/revocations', { target, reason: 'admin' }, operator);
    app.advance(401 * day);
    const { database, clock } = app;
    const knex = dialectOf(database.url).openWriter();
    // As a decision does: the lock first, the token last.
    const deciding = await knex.transaction();
    await deciding('heads')
      .where('id', 1)
      .update({ event_seq: knex.ref('event_seq') });
    // The step alone: a whole run has events to write before, and would wait for the lock there.
    const rows = dueRows('revocations', clock.now, app.config.tokenLifetimeDaysMax);
    t.is(await app.store.upkeep.countDue(rows), 1);
    const purging = app.store.upkeep.purgeDue(rows, 100);
    const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await byHand(database, (query) => eventually(async () => (await query(waiting))[0]));
    const registered = app.registration({ token: 'x', client_id });
    await deciding('tokens').insert({
      ...{ digest: Buffer.alloc(32), token_digest: Buffer.alloc(32), token_use: 'access_token' },
      ...{ issuer: app.policy.publicUrl, session_id: 's1', issued_at: clock.now, registered_at: clock.now },
      ...{ expires_at: Number(registered.exp) * 1000, audience: '[]', members: '{}', registrar: client_id },
    });
    await deciding.commit();
    await knex.destroy();
    t.like(await purging, { purged: 0 });
  },
);

testEachDatabase('a token lives as long as the setting allowed when it was registered', async (t, app) => {
  const client = await app.addClient({ permissions: ['revoke:any'] });
  const { client_id } = client;
  const long = await app.another(raised);
  const token = await long.register({ client_id, sub: 'u1', exp: app.seconds + 800 * day });
  await purgeNow(long);
  app.advance(1);
  await app.json('/logout', { user_id: 'u1' }, client);
  app.advance(402 * day);
  t.like(await purgeNow(app), { revocations: 0, cutoffs: 0 });
  t.false(await app.isActive(token));
  app.advance(400 * day);
  t.like(await purgeNow(app), { revocations: 1, cutoffs: 1 });
  t.false(await app.isActive(token));
});

testEachDatabase(
  'a purged token that is registered again is what it says now, also where it is remembered',
  async (t, app) => {
    const other = await app.another();
    const { client_id } = await app.addClient();
    const token = await app.register({ client_id, sub: 'before' });
    for (let n = 0; n < 3; n++) {
      t.true(await app.isActive(token));
      t.true(await other.isActive(token));
    }
    app.advance(3 * 3600);
    t.false(await other.isActive(token));
    t.like(await purgeNow(app), { tokens: 1 });

    await app.register({ client_id, sub: 'now', token });
    t.like(await app.introspect(token), { active: true, sub: 'now' });
    t.like(await other.introspect(token), { active: true, sub: 'now' });
  },
);
