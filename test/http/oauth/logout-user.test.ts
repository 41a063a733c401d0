// POST /logout by a client, which ends a user without a token of theirs: what that takes, and what it ends.
import { testEachDatabase } from '../../helpers/each-database.ts';
import { activity, loggedOut, logIn } from '../../helpers/logins.ts';
import type { Reply } from '../../helpers/requests.ts';

testEachDatabase(
  'POST /logout by a client that may revoke anything ends every session of a user',
  async (t, app) => {
    const client = await app.addClient();
    const post = await app.addClient({ permissions: ['revoke:any'], authMethod: 'client_secret_post' });
    const caller = await app.addClient({ permissions: ['revoke:any'] });
    const { refresh } = await logIn(app, client, { sub: 7 });
    const { body } = await app.json('/logout', { user_id: 7, reason: 'offboarding' }, caller);
    const done = { scope: 'all', user_id: '7', reason: 'offboarding', safe_iat_after: app.seconds + 1 };
    t.deepEqual(body, loggedOut(app, done));
    t.false(await app.isActive(refresh));
    const event = (await app.events('logout'))[0];
    t.deepEqual(event?.actor, { kind: 'client', id: caller.client_id });
    t.deepEqual([event?.reason, event?.reasonText], ['offboarding', null]);
    const two = await app.json('/logout', { user_id: 7, userId: '8' }, caller);
    t.is(two.status, 400);
    t.deepEqual(two.body.errors, [{ field: 'userId', message: 'userId is another than user_id' }]);
    t.is((await app.json('/logout', { user_id: 7, userId: '7' }, caller)).status, 200);
    const fields = { user_id: '7', client_id: post.client_id, client_secret: post.secret };
    t.is((await app.form('/logout', fields)).body.data.sessions_ended, 0);
  },
);

testEachDatabase('POST /logout by a client ends a user of the issuer that it names', async (t, app) => {
  const issuer = 'https://login.example';
  const registrar = await app.addClient({ permissions: ['register'], issuers: [issuer] });
  const caller = await app.addClient({ permissions: ['revoke:any'] });
  const sub = 'u1';
  const ours = await app.register({ client_id: 'c1', sub });
  const theirs = app.newToken();
  const registration = app.registration({ token: theirs, client_id: 'c1', sub, iss: issuer });
  t.is((await app.json('/v1/tokens', registration, registrar)).status, 201);
  const inForm = { user_id: sub, issuer, client_id: caller.client_id };
  t.is((await app.form('/logout', inForm, caller)).body.data?.status, 'logged_out');
  t.deepEqual(await activity(app, [ours, theirs]), [true, false]);
  t.like((await app.events('logout'))[0], { userId: sub, metadata: { scope: 'all', issuer } });
  for (const [wrong, problem] of [
    ['*', 'must name one issuer'],
    [7, 'must be of type string'],
    ['x'.repeat(513), 'is over 512 characters'],
  ] as const) {
    const { status, body } = await app.json('/logout', { user_id: sub, issuer: wrong }, caller);
    t.deepEqual([status, body.message], [400, `issuer ${problem}`]);
    const proved = await app.register({ client_id: 'c1', sub: 'u2' });
    const byToken = await app.json('/logout', { refresh_token: proved, issuer: wrong });
    t.is(byToken.body.data?.status, 'logged_out', byToken.text);
  }
  t.true(await app.isActive(ours));
  t.is((await app.json('/logout', { user_id: sub, issuer: '' }, caller)).status, 200);
  t.false(await app.isActive(ours));
});

testEachDatabase(
  'POST /logout by a client needs revoke:any, right credentials and a user_id',
  async (t, app) => {
    const weak = await app.addClient({ permissions: ['revoke:token', 'admin'] });
    const strong = await app.addClient({ permissions: ['revoke:any'] });
    const open = await app.addClient({ authMethod: 'none' });
    const cases: [string, Reply, number, string, string | undefined][] = [
      [
        'weak',
        await app.json('/logout', { user_id: 'u1' }, weak),
        403,
        'this needs the permission revoke:any',
        undefined,
      ],
      ['no user', await app.json('/logout', {}, strong), 400, 'user_id is missing', undefined],
      [
        'wrong',
        await app.json('/logout', { user_id: 'u1' }, [strong.client_id, 'wrong']),
        401,
        'client authentication failed',
        'Basic realm="revocation-server", charset="UTF-8"',
      ],
      [
        'public',
        await app.json('/logout', { user_id: 'u1', client_id: open.client_id }),
        401,
        'a refresh_token or a bearer access token is missing; a user_id alone is for clients that authenticate and may revoke:any',
        'Bearer realm="revocation-server"',
      ],
    ];
    for (const [what, reply, status, message, challenge] of cases) {
      t.is(reply.status, status, what);
      t.is(reply.body.message, message, what);
      t.false(reply.body.success, what);
      t.is(reply.headers['www-authenticate'], challenge, what);
    }
  },
);
