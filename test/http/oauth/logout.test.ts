// POST /logout with a token: what each kind of proof ends, and that a dead token is never an error.
import type { ExecutionContext } from 'ava';
import type { TestApp } from '../../helpers/app.ts';
import { refOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { TestIssuer } from '../../helpers/issuer.ts';
import { activity, loggedOut, logIn, rotate } from '../../helpers/logins.ts';
import type { Reply, TestClient } from '../../helpers/requests.ts';

function alreadyLoggedOut(reason: string) {
  return {
    success: true,
    message: 'Logged out successfully',
    data: { status: 'already_logged_out', reason },
  };
}

async function assertEvent(t: ExecutionContext, app: TestApp, action: string, token: string): Promise<void> {
  const refs = (await app.events(action)).map(({ tokenRef }) => tokenRef);
  t.deepEqual(refs, [refOf(token)], action);
}

testEachDatabase('POST /logout with a live refresh token ends its session and grant', async (t, app) => {
  const client = await app.addClient();
  const { refresh, access } = await logIn(app, client);
  const other = await logIn(app, client);
  const reply = await app.json('/logout', { refresh_token: refresh });
  t.is(reply.status, 200);
  t.deepEqual(reply.body, loggedOut(app));
  t.deepEqual(await activity(app, [refresh, access, other.refresh]), [false, false, true]);
  await assertEvent(t, app, 'logout', refresh);
  const event = (await app.events('logout'))[0];
  t.deepEqual(event?.actor, { kind: 'user', id: 'u1' });
  t.deepEqual(event?.metadata, { scope: 'current' });
  t.is(event?.channel, 'logout');
});

testEachDatabase('POST /logout with a revoked token says it was revoked already', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  await app.json('/logout', { refresh_token: refresh });
  const reply = await app.json('/logout', { refresh_token: refresh });
  t.is(reply.status, 200);
  t.deepEqual(reply.body, alreadyLoggedOut('token_already_revoked'));
  await assertEvent(t, app, 'logout_already_revoked', refresh);
});

testEachDatabase('POST /logout with an expired token says it expired', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  app.advance(3600);
  const reply = await app.json('/logout', { refresh_token: refresh });
  t.is(reply.status, 200);
  t.deepEqual(reply.body, alreadyLoggedOut('token_expired'));
  await assertEvent(t, app, 'logout_expired_token', refresh);
});

for (const [what, token] of Object.entries({
  unknown: 'nobody-registered-this',
  'malformed, with NUL': 'é\u0000',
  'too long': 'x'.repeat(16_385),
  forged: 'eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiJ4In0.AAAA',
})) {
  testEachDatabase(`POST /logout with a token that is ${what} says token_not_found`, async (t, app) => {
    const reply = await app.json('/logout', { refresh_token: token });
    t.is(reply.status, 200);
    t.deepEqual(reply.body, alreadyLoggedOut('token_not_found'));
    t.is((await app.events()).at(-1)?.action, 'logout_invalid_token');
  });
}

testEachDatabase('POST /logout with a malformed bearer says token_not_found', async (t, app) => {
  for (const bearer of ['a b', '\tab', 'a\tb', ',']) {
    const reply = await app.json('/logout', {}, `Bearer ${bearer}`);
    t.deepEqual(reply.body, alreadyLoggedOut('token_not_found'), JSON.stringify(bearer));
  }
  for (const none of ['Bearer', 'Bearer ']) t.is((await app.json('/logout', {}, none)).status, 401);
});

testEachDatabase('POST /logout with a dead token still ends what is alive of its session', async (t, app) => {
  const client = await app.addClient();
  const { refresh, access } = await logIn(app, client);
  await app.form('/revoke', { token: access }, client);
  t.deepEqual((await app.json('/logout', {}, `Bearer ${access}`)).body, loggedOut(app));
  t.false(await app.isActive(refresh));
});

testEachDatabase('POST /logout with a superseded refresh token ends its session', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  const successor = await rotate(app, client, refresh);
  t.deepEqual((await app.json('/logout', { refresh_token: refresh })).body, loggedOut(app));
  t.false(await app.isActive(successor));
});

testEachDatabase(
  'POST /logout of a token without a session ends its grant, and counts no session',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const refresh = await app.register({ client_id, sub: 'u1', token_use: 'refresh_token', grant_id: 'g1' });
    const access = await app.register({ client_id, sub: 'u1', grant_id: 'g1' });
    const { body } = await app.json('/logout', { refresh_token: refresh });
    t.deepEqual(body, loggedOut(app, { sessions_ended: null }));
    t.false(await app.isActive(access));
  },
);

testEachDatabase(
  'POST /logout of a token with a grant alone counts the sessions that end with it',
  async (t, app) => {
    const { client_id } = await app.addClient();
    const of = { client_id, sub: 'u1', grant_id: 'g1' };
    const refresh = await app.register({ ...of, token_use: 'refresh_token' });
    for (const session_id of ['s1', 's2']) await app.register({ ...of, session_id });
    const elsewhere = await app.register({ ...of, grant_id: 'g2', session_id: 's2' });
    const { body } = await app.json('/logout', { refresh_token: refresh });
    t.deepEqual(body, loggedOut(app, { sessions_ended: 1 }));
    t.true(await app.isActive(elsewhere), 'the other session goes on');
  },
);

testEachDatabase('POST /logout of a token without a user, session or grant ends it alone', async (t, app) => {
  const { client_id } = await app.addClient({ logoutScope: 'all' });
  const token = await app.register({ client_id });
  const other = await app.register({ client_id });
  const reply = await app.json('/logout', { scope: 'all' }, `Bearer ${token}`);
  t.deepEqual(reply.body, loggedOut(app, { user_id: null, sessions_ended: null }));
  t.deepEqual(await activity(app, [token, other]), [false, true]);
});

testEachDatabase('POST /logout with two tokens that name no user ends both, each alone', async (t, app) => {
  const { client_id } = await app.addClient();
  const refresh = await app.register({ client_id, token_use: 'refresh_token', grant_id: 'g1' });
  const [access, other] = [
    await app.register({ client_id, grant_id: 'g1' }),
    await app.register({ client_id, grant_id: 'g1' }),
  ];
  const reply = await app.json('/logout', { refresh_token: refresh }, `Bearer ${access}`);
  t.deepEqual(reply.body, loggedOut(app, { user_id: null, sessions_ended: null }));
  t.deepEqual(await activity(app, [refresh, access, other]), [false, false, true]);
  t.deepEqual(await app.events('logout_user_mismatch'), []);
});

testEachDatabase(
  'POST /logout takes a bearer access token, a form, and both proofs of one user',
  async (t, app) => {
    const client = await app.addClient();
    const [byBearer, byForm, one, two] = [
      await logIn(app, client),
      await logIn(app, client),
      await logIn(app, client),
      await logIn(app, client),
    ];
    const bearer = await app.request('POST', '/logout', { auth: `bearer ${byBearer?.access}` });
    t.deepEqual(bearer.body, loggedOut(app));
    t.deepEqual((await app.form('/logout', { refresh_token: byForm?.refresh ?? '' })).body, loggedOut(app));
    const both = await app.json('/logout', { refresh_token: one?.refresh }, `Bearer ${two?.access}`);
    t.deepEqual(both.body, loggedOut(app, { sessions_ended: 2 }));
    const tokens = [byBearer, byForm, one, two].flatMap((login) => [
      login?.refresh ?? '',
      login?.access ?? '',
    ]);
    t.deepEqual(
      await activity(app, tokens),
      tokens.map(() => false),
    );
  },
);

testEachDatabase(
  'POST /logout acts on the bearer token when the refresh token is unknown',
  async (t, app) => {
    const client = await app.addClient();
    const { access } = await logIn(app, client);
    const reply = await app.json('/logout', { refresh_token: 'unknown' }, `Bearer ${access}`);
    t.deepEqual(reply.body, loggedOut(app));
  },
);

testEachDatabase(
  'POST /logout with proofs of two users logs out that of the refresh token only',
  async (t, app) => {
    const client = await app.addClient();
    const [alice, bob] = [
      await logIn(app, client, { sub: 'alice' }),
      await logIn(app, client, { sub: 'bob' }),
    ];
    const reply = await app.json('/logout', { refresh_token: alice.refresh }, `Bearer ${bob.access}`);
    t.deepEqual(reply.body, loggedOut(app, { user_id: 'alice' }));
    t.deepEqual(await activity(app, [alice.access, bob.access, bob.refresh]), [false, true, true]);
    t.is((await app.events('logout_user_mismatch'))[0]?.userId, 'alice');
  },
);

testEachDatabase('POST /logout never logs out a user whom no token proves', async (t, app) => {
  const client = await app.addClient({ logoutScope: 'all' });
  const [alice, bob] = [await logIn(app, client, { sub: 'alice' }), await logIn(app, client, { sub: 7 })];
  const unproven: Reply[] = [
    await app.json('/logout', { user_id: 'alice' }),
    await app.json('/logout', { user_id: 'alice' }, 'Bearer'),
    await app.form('/logout', { user_id: 'alice' }),
  ];
  for (const reply of unproven) {
    t.is(reply.status, 401);
    t.is(reply.headers['www-authenticate'], 'Bearer realm="revocation-server"');
    t.deepEqual(reply.body, {
      success: false,
      message:
        'a refresh_token or a bearer access token is missing; a user_id alone is for clients that authenticate and may revoke:any',
      data: null,
      errors: [],
    });
  }
  const unknown = await app.json('/logout', { refresh_token: 'unknown', user_id: 'alice', scope: 'all' });
  t.deepEqual(unknown.body, alreadyLoggedOut('token_not_found'));
  const mismatch = await app.json('/logout', { refresh_token: bob.refresh, userId: 'alice', scope: 'all' });
  t.is(mismatch.body.data.user_id, '7');
  t.deepEqual(await activity(app, [alice.refresh, alice.access, bob.access]), [true, true, false]);
  t.is((await app.events('logout_user_mismatch')).length, 1);
});

testEachDatabase(
  'POST /logout accepts the proven user id, as string or number, under either name',
  async (t, app) => {
    const client = await app.addClient();
    for (const named of [{ user_id: 42 }, { userId: '42' }, { user_id: '', userId: 42 }]) {
      const { refresh } = await logIn(app, client, { sub: 42 });
      const reply = await app.json('/logout', { refresh_token: refresh, ...named });
      t.deepEqual(reply.body, loggedOut(app, { user_id: '42' }));
    }
    t.deepEqual(await app.events('logout_user_mismatch'), []);
  },
);

testEachDatabase('POST /logout with scope others spares the session at hand', async (t, app) => {
  const client = await app.addClient({ logoutScope: 'all' });
  const [here, there, elsewhere] = [
    await logIn(app, client),
    await logIn(app, client),
    await logIn(app, client),
  ];
  const bystander = await logIn(app, client, { sub: 'u2' });
  const { body } = await app.json('/logout', { refresh_token: here?.refresh, scope: 'others' });
  t.deepEqual(body, loggedOut(app, { scope: 'others', sessions_ended: 2, safe_iat_after: app.seconds + 1 }));
  t.deepEqual(
    await activity(
      app,
      [here, there, elsewhere, bystander].flatMap((login) => [login?.refresh ?? '', login?.access ?? '']),
    ),
    [true, true, false, false, false, false, true, true],
  );
  app.advance(1);
  const later = await app.register({ client_id: client.client_id, sub: 'u1' });
  t.true(await app.isActive(later));
});

testEachDatabase(
  'POST /logout with scope all ends every session of the user, and what is registered late',
  async (t, app) => {
    const client = await app.addClient({ logoutScope: 'all' });
    const [here, there] = [await logIn(app, client), await logIn(app, client)];
    const bystander = await logIn(app, client, { sub: 'u2' });
    const issuedBefore = app.seconds;
    const { body } = await app.json('/logout', { scope: 'all' }, `Bearer ${here.access}`);
    t.deepEqual(body, loggedOut(app, { scope: 'all', sessions_ended: 2, safe_iat_after: app.seconds + 1 }));
    t.deepEqual(await activity(app, [here.refresh, there.refresh, there.access, bystander.refresh]), [
      false,
      false,
      false,
      true,
    ]);
    app.advance(2);
    const { client_id } = client;
    const late = app.registration({ token: app.newToken(), client_id, sub: 'u1', iat: issuedBefore });
    const registered = await app.json('/v1/tokens', late, await app.issuer());
    t.is(registered.status, 201);
    t.false(registered.body.active);
    t.true(await app.isActive(await app.register({ client_id, sub: 'u1' })), 'the user logged in again');
  },
);

testEachDatabase(
  'POST /logout does only current for clients that are not registered for more',
  async (t, app) => {
    const client = await app.addClient();
    for (const scope of ['others', 'all']) {
      const [here, there] = [await logIn(app, client), await logIn(app, client)];
      const { body } = await app.json('/logout', { refresh_token: here.refresh, scope });
      t.deepEqual(body, loggedOut(app));
      t.deepEqual(await activity(app, [here.access, there.access]), [false, true]);
    }
  },
);

testEachDatabase('POST /logout ends no other session on the word of a dead token', async (t, app) => {
  const client = await app.addClient({ logoutScope: 'all' });
  const [here, there] = [await logIn(app, client), await logIn(app, client)];
  await app.form('/revoke', { token: here.access }, client);
  const { body } = await app.json('/logout', { scope: 'all' }, `Bearer ${here.access}`);
  t.deepEqual(body, loggedOut(app));
  t.deepEqual(await activity(app, [here.refresh, there.refresh]), [false, true]);
});

testEachDatabase(
  'POST /logout ends no more than the token that is alive may, whatever a dead one beside it might',
  async (t, app) => {
    const [wide, narrow] = [await app.addClient({ logoutScope: 'all' }), await app.addClient()];
    const [dead, here, there] = [await logIn(app, wide), await logIn(app, narrow), await logIn(app, narrow)];
    await app.form('/revoke', { token: dead.refresh }, wide);
    const fields = { refresh_token: dead.refresh, scope: 'all' };
    const { body } = await app.json('/logout', fields, `Bearer ${here.access}`);
    t.like(body.data, { status: 'logged_out', scope: 'current' });
    t.deepEqual(await activity(app, [here.refresh, there.refresh]), [false, true]);
    t.is((await app.events('logout'))[0]?.clientId, narrow.client_id);
    // The other way round: the dead one takes nothing from what the living one may.
    const again = { refresh_token: dead.refresh, scope: 'others' };
    const last = await logIn(app, wide);
    const spared = await app.json('/logout', again, `Bearer ${last.access}`);
    t.like(spared.body.data, { status: 'logged_out', scope: 'others' });
    t.deepEqual(await activity(app, [last.refresh, there.refresh]), [true, false]);
  },
);

testEachDatabase(
  'POST /logout by a refresh token does not need the keys of the bearer beside it',
  async (t, app) => {
    const issuer = await TestIssuer.fetched(app, 'jwks_uri');
    t.teardown(() => issuer.stop());
    issuer.answer = 'error';
    const bearer = `Bearer ${await issuer.sign()}`;
    const client = await app.addClient();
    const { refresh } = await logIn(app, client);
    const unknown = await app.json('/logout', { refresh_token: app.newToken() }, bearer);
    t.is(unknown.status, 503, 'the bearer may be a proof');
    const reply = await app.json('/logout', { refresh_token: refresh }, bearer);
    t.is(reply.body.data?.status, 'logged_out', reply.text);
    t.false(await app.isActive(refresh));
    const again = await app.json('/logout', { refresh_token: refresh }, bearer);
    t.is(again.status, 503, 'the bearer may be alive');
    t.truthy(again.headers['retry-after']);
  },
);

testEachDatabase(
  'POST /logout takes members that are empty as not sent, and rounded numbers for nobody',
  async (t, app) => {
    const client = await app.addClient();
    const operator = await app.addClient({ permissions: ['revoke:any'] });
    for (const more of [{ scope: '' }, { user_id: 2 ** 53 }]) {
      const { refresh } = await logIn(app, client);
      const reply = await app.json('/logout', { refresh_token: refresh, ...more });
      t.is(reply.body.data?.status, 'logged_out', reply.text);
    }
    const rounded = await app.json('/logout', { user_id: 2 ** 53 }, operator);
    t.is(rounded.status, 400);
    t.deepEqual(rounded.body.errors, [{ field: 'user_id', message: 'user_id has the wrong form' }]);
    const { access } = await logIn(app, client);
    const empty = await app.request('POST', '/logout', {
      auth: `Bearer ${access}`,
      headers: { 'Transfer-Encoding': 'chunked' },
    });
    t.is(empty.body.data?.status, 'logged_out', empty.text);
  },
);

testEachDatabase('POST /logout keeps reason and timestamp as what the client said', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  const said = { refresh_token: refresh, reason: 'tired', timestamp: '2020-01-01T00:00:00Z' };
  const { body } = await app.json('/logout', said);
  t.is(body.data.reason, 'tired');
  t.is(body.data.revoked_at, new Date(app.clock.now).toISOString());
  const event = (await app.events('logout'))[0];
  t.deepEqual([event?.reason, event?.reasonText], ['user_initiated_logout', 'tired']);
  t.deepEqual(event?.metadata, { client_timestamp: '2020-01-01T00:00:00Z', scope: 'current' });
});

testEachDatabase('POST /logout takes members that are empty or null for not sent', async (t, app) => {
  const client = await app.addClient();
  const { access } = await logIn(app, client);
  const members = { refresh_token: '', user_id: null, reason: '', timestamp: null, scope: null, surplus: 1 };
  t.deepEqual((await app.json('/logout', members, `Bearer ${access}`)).body, loggedOut(app));
});

testEachDatabase('POST /logout ends the tokens of a suspended client too', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  const admin = await app.addClient({ permissions: ['admin'] });
  await app.request('POST', `/v1/clients/${client.client_id}/disable`, { auth: admin });
  t.deepEqual((await app.json('/logout', { refresh_token: refresh })).body, loggedOut(app));
  await app.request('POST', `/v1/clients/${client.client_id}/enable`, { auth: admin });
  t.false(await app.isActive(refresh));
});

testEachDatabase(
  'POST /logout answers at its aliases too',
  async (t, app) => {
    const client = await app.addClient();
    for (const path of ['/api/auth/logout', '/api/v1/auth/logout', '/logout']) {
      const { refresh } = await logIn(app, client);
      t.deepEqual((await app.json(path, { refresh_token: refresh })).body, loggedOut(app), path);
    }
  },
  { LOGOUT_ALIASES: '/api/auth/logout,/api/v1/auth/logout' },
);

testEachDatabase('POST /logout writes expected endings at level info', async (t, app) => {
  const client = await app.addClient();
  const { refresh } = await logIn(app, client);
  await app.json('/logout', { refresh_token: refresh });
  await app.json('/logout', { refresh_token: refresh });
  await app.json('/logout', { refresh_token: 'unknown' });
  const lines = app.log.filter(({ msg }) => msg === 'logout');
  t.deepEqual(
    lines.map(({ level, status, reason }) => [level, status, reason]),
    [
      [30, 'logged_out', 'user_initiated_logout'],
      [30, 'already_logged_out', 'token_already_revoked'],
      [30, 'already_logged_out', 'token_not_found'],
    ],
  );
});

testEachDatabase(
  'POST /logout: of 100 simultaneous logouts at two servers exactly one answers logged_out',
  async (t, app) => {
    const other = await app.another();
    const client = await app.addClient();
    const { refresh, access } = await logIn(app, client);
    const one = (n: number) => {
      const server = n % 2 ? app : other;
      return n % 3
        ? server.json('/logout', { refresh_token: refresh })
        : server.json('/logout', {}, `Bearer ${access}`);
    };
    const replies = await Promise.all(Array.from({ length: 100 }, (_, n) => one(n)));
    t.is(replies.filter(({ body }) => body.data.status === 'logged_out').length, 1);
    t.is(replies.filter(({ body }) => body.data.reason === 'token_already_revoked').length, 99);
    t.is((await app.events('logout')).length, 1);
  },
);

testEachDatabase(
  'POST /logout answers 503 while the store fails, and nobody was logged out',
  async (t, app) => {
    const client = await app.addClient({ logoutScope: 'all' });
    const caller = await app.addClient({ permissions: ['revoke:any'] });
    const { refresh, access } = await logIn(app, client);
    for (const fault of ['reads', 'writes', 'everything', 'events'] as const) {
      app.store.fault = fault;
      await assertUnavailable(t, app, { refresh_token: refresh, scope: 'all' });
      await assertUnavailable(t, app, { user_id: 'u1' }, caller);
      if (fault !== 'reads') await assertUnavailable(t, app, { refresh_token: 'unknown' });
      app.store.fault = 'none';
      t.deepEqual(await activity(app, [refresh, access]), [true, true], fault);
    }
    t.deepEqual(await app.events('logout'), []);
  },
);

async function assertUnavailable(
  t: ExecutionContext,
  app: TestApp,
  body: object,
  auth?: TestClient,
): Promise<void> {
  const reply = await app.json('/logout', body, auth);
  t.is(reply.status, 503);
  t.is(reply.headers['retry-after'], '1');
  t.deepEqual(reply.body, {
    success: false,
    message: 'the server cannot answer reliably now, try again',
    data: null,
    errors: [],
  });
}

testEachDatabase('a session of many tokens ends once, and is then seen to have ended', async (t, app) => {
  const operator = await app.addClient({ permissions: ['revoke:any', 'audit'] });
  const { client_id } = await app.addClient();
  const of = { client_id, sub: 'u1', session_id: 's1', grant_id: 'g1' };
  const refresh = await app.register({ ...of, token_use: 'refresh_token' });
  for (let n = 0; n < 40; n++) await app.register(of);
  const logOut = async () => (await app.json('/logout', { refresh_token: refresh })).body.data.status;
  t.deepEqual([await logOut(), await logOut()], ['logged_out', 'already_logged_out']);
  const { body } = await app.get('/v1/sessions?user_id=u1', operator);
  t.is(body.items[0].active, false);
});
