// Overload: what is too much gets 503 at once, and what nobody vouches for never stands in the way of
// authenticated revocations.
import { once } from 'node:events';
import { IncomingMessage, request, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Logger } from 'pino';
import type { WaitingLine } from '../../src/domain/store.ts';
import type { Metrics } from '../../src/http/ops/metrics.ts';
import { Overload } from '../../src/http/overload.ts';
import type { TestApp } from '../helpers/app.ts';
import { formType } from '../helpers/bad-input.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { authorization, type Reply, type TestClient } from '../helpers/requests.ts';

const room = { vouched: 10, bulk: 10, unvouched: 1 };

function isRefused(t: ExecutionContext, reply: Reply, message: string): void {
  t.is(reply.status, 503);
  t.is(reply.headers['retry-after'], '1');
  t.is(reply.body.error_description ?? reply.body.message ?? reply.body.detail, message);
}

async function refusals(app: TestApp): Promise<string[]> {
  const { text } = await app.get('/metrics', await app.addClient({ permissions: ['metrics'] }));
  return text.split('\n').filter((line) => line.startsWith('revocation_overload_refusals_total'));
}

testEachDatabase(
  'while the line of public clients is full, they get 503 and an authenticated client still revokes',
  async (t, app) => {
    const spa = await app.addClient({ authMethod: 'none' });
    const owner = await app.addClient();
    const tokens = await Promise.all([1, 2, 3].map(() => app.register({ client_id: spa.client_id })));
    const own = await app.register({ client_id: owner.client_id });
    const revoke = (token: string | undefined) =>
      app.form('/revoke', { token: token ?? '', client_id: spa.client_id });
    app.store.hold([], ['vouched', 'unvouched'], room);
    const taken = [revoke(tokens[0])];
    await app.store.untilHeld(1);
    taken.push(revoke(tokens[1]));
    await app.store.untilHeld(2);
    const message = 'too many requests without client authentication wait, at most 1 may; try again';
    isRefused(t, await revoke(tokens[2]), message);
    isRefused(t, await app.json('/logout', { refresh_token: own }), message);
    isRefused(t, await app.json('/logout', { refresh_token: app.newToken() }), message);
    taken.push(app.form('/revoke', { token: own }, owner));
    await app.store.untilHeld(6);
    app.store.release();
    for (const { body } of await Promise.all(taken)) t.is(body.status, 'revoked');
    t.true(await app.isActive(tokens[2] as string), 'what was refused was not done');
    t.is((await revoke(tokens[2])).body.status, 'revoked', 'and is done when it comes again');
    t.deepEqual(await refusals(app), ['revocation_overload_refusals_total{work="unvouched"} 3']);
  },
);

testEachDatabase(
  'beyond INTROSPECTIONS_AT_ONCE_MAX introspections get 503 before anything is read, and revocations go on',
  async (t, app) => {
    const owner = await app.addClient();
    const { client_id } = owner;
    const [live, dead] = [await app.register({ client_id }), await app.register({ client_id })];
    const caller = await app.addClient({ permissions: ['introspect:any'] });
    const ask = (path = '/introspect') =>
      path === '/introspect'
        ? app.form(path, { token: live }, caller)
        : app.json(path, { tokens: [live] }, caller);
    app.store.hold(['bulk'], [], room);
    const taken = [ask(), ask('/introspect/batch')];
    await app.store.untilHeld(2);
    const message = 'too many introspections are under way, at most 2 may be; try again';
    const questions = app.store.asked.length;
    isRefused(t, await ask(), message);
    const { hostname, port } = new URL(app.url);
    const wholeUrl = request({ hostname, port, method: 'POST', path: `${app.url}/introspect` }).end();
    t.is((await once(wholeUrl, 'response'))[0].statusCode, 503);
    isRefused(t, await ask('/introspect/batch'), message);
    isRefused(t, await app.form('/introspect', 'token=%ZZ', `Basic ${'x'.repeat(20_000)}`), message);
    t.is(app.store.asked.length, questions, 'not even who calls was looked up');
    t.is((await app.form('/revoke', { token: dead }, owner)).body.status, 'revoked');
    app.store.release();
    const [alone, batch] = await Promise.all(taken);
    t.true(alone?.body.active);
    t.deepEqual(batch?.body.results, [alone?.body]);
    t.true((await ask()).body.active);
    t.deepEqual(await refusals(app), ['revocation_overload_refusals_total{work="introspection"} 4']);
    const told = app.log.filter(({ refused }) => refused !== undefined);
    t.deepEqual(
      told.map(({ level, refused }) => [level, refused]),
      [[40, { introspection: 1 }]],
      'the log hears of the first at once, of the others later',
    );
  },
  { INTROSPECTIONS_AT_ONCE_MAX: '2' },
);

testEachDatabase(
  'introspections whose body never comes, or whose caller is unknown, take up no room',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const caller = await app.observer();
    const waiting = [1, 2, 3].map((n) => {
      const socket = connect(Number(port), hostname);
      const path = n === 1 ? '/introspect/batch' : '/introspect';
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${formType}\r\nContent-Length: 9\r\n\r\n`,
      );
      return socket;
    });
    await Promise.all(waiting.map((socket) => once(socket, 'connect')));
    await app.get('/health/alive');
    t.is((await app.form('/introspect', { token: 'x' }, caller)).status, 200);
    for (const socket of waiting) socket.destroy();
  },
  { INTROSPECTIONS_AT_ONCE_MAX: '1' },
);

testEachDatabase(
  'an introspection whose body comes when all room is taken gets 503',
  async (t, app) => {
    const caller = await app.observer();
    const { hostname, port } = new URL(app.url);
    const late = request({ hostname, port, method: 'POST', path: '/introspect' });
    late.setHeader('authorization', authorization(caller)).setHeader('content-type', formType);
    late.setHeader('content-length', 'token=x'.length).flushHeaders();
    await app.get('/health/alive');
    app.store.hold(['bulk'], [], room);
    const taken = app.form('/introspect', { token: 'x' }, caller);
    await app.store.untilHeld(1);
    const [reply] = await once(late.end('token=x'), 'response');
    t.is(reply.statusCode, 503);
    t.is(reply.headers['retry-after'], '1');
    app.store.release();
    t.is((await taken).status, 200);
    t.deepEqual(await refusals(app), ['revocation_overload_refusals_total{work="introspection"} 1']);
  },
  { INTROSPECTIONS_AT_ONCE_MAX: '1' },
);

testEachDatabase(
  'POST /v1/tokens of many refuses those that find the line full, each by itself',
  async (t, app) => {
    const issuer = await app.issuer();
    const tokens = [1, 2, 3].map(() => app.registration({ token: app.newToken(), client_id: 'c1' }));
    app.store.hold([], ['bulk'], { ...room, bulk: 2 });
    const reply = app.json('/v1/tokens', tokens, issuer);
    await app.store.untilHeld(3);
    app.store.release();
    const { items } = (await reply).body;
    t.deepEqual(
      items.map(({ http_status, detail }: Record<string, unknown>) => [http_status, detail]),
      [
        [201, undefined],
        [201, undefined],
        [503, 'too many introspections and registrations wait, at most 2 may; try again'],
      ],
    );
    t.deepEqual(await refusals(app), ['revocation_overload_refusals_total{work="bulk"} 1']);
  },
);

testEachDatabase(
  'a large batch weighs as much as the introspections that it stands for',
  async (t, app) => {
    const caller = await app.observer();
    const batch = (size: number) => {
      const tokens = Array.from({ length: size }, () => 'nobody-registered-this');
      return app.json('/introspect/batch', { tokens }, caller);
    };
    await batch(0);
    app.store.hold(['bulk'], [], room);
    const first = batch(100);
    await app.store.untilHeld(1);
    const message = 'too many introspections are under way, at most 5 may be; try again';
    isRefused(t, await app.form('/introspect', { token: 'x' }, caller), message);
    app.store.release();
    t.is((await first).body.results.length, 100, 'though it weighs more than all that may be under way');
    t.is((await app.form('/introspect', { token: 'x' }, caller)).status, 200);
  },
  { INTROSPECTIONS_AT_ONCE_MAX: '5' },
);

testEachDatabase('each request waits in the line of whoever stands behind it', async (t, app) => {
  const spa = await app.addClient({ authMethod: 'none' });
  const owner = await app.addClient({ permissions: ['revoke:any', 'introspect:any'] });
  const register = (client: TestClient) => app.register({ client_id: client.client_id, sub: 'u1' });
  const tokens = {
    'public /revoke': await register(spa),
    '/revoke': await register(owner),
    '/logout': await register(owner),
  };
  const issuer = await app.issuer();
  /** Lines of the questions, vouched ones left out, and of the decisions. */
  const requests: Record<string, [() => Promise<Reply>, asked: WaitingLine[], written: WaitingLine[]]> = {
    'public /revoke': [
      () => app.form('/revoke', { token: tokens['public /revoke'], client_id: spa.client_id }),
      ['unvouched'],
      ['unvouched'],
    ],
    'public /revoke of garbage': [
      () => app.form('/revoke', { token: app.newToken(), client_id: spa.client_id }),
      ['unvouched'],
      ['unvouched'],
    ],
    '/revoke': [() => app.form('/revoke', { token: tokens['/revoke'] }, owner), [], ['vouched']],
    '/logout with a token': [
      () => app.json('/logout', { refresh_token: tokens['/logout'] }),
      ['unvouched'],
      ['unvouched'],
    ],
    '/logout with garbage': [
      () => app.json('/logout', { refresh_token: app.newToken() }),
      ['unvouched'],
      ['unvouched'],
    ],
    '/logout with credentials': [() => app.json('/logout', { user_id: 'u2' }, owner), [], ['vouched']],
    '/introspect': [() => app.form('/introspect', { token: 'x' }, owner), ['bulk'], []],
    '/introspect/batch': [() => app.json('/introspect/batch', { tokens: ['x', 'y'] }, owner), ['bulk'], []],
    'POST /v1/revocations': [
      () => app.json('/v1/revocations', { target: { kind: 'subject', sub: 'u3' }, reason: 'policy' }, owner),
      [],
      ['vouched'],
    ],
    'POST /v1/tokens': [
      () => app.json('/v1/tokens', app.registration({ token: app.newToken(), client_id: 'c' }), issuer),
      [],
      ['bulk'],
    ],
    'a wrong secret': [
      () => app.form('/revoke', { token: 'x' }, { ...owner, secret: `${owner.secret}x` }),
      [],
      ['unvouched'],
    ],
    'a client that nobody knows': [
      () => app.form('/revoke', { token: 'x' }, ['nobody', 'x'.repeat(32)]),
      ['unvouched'],
      ['unvouched'],
    ],
  };
  // Who was found once is vouched for when he is looked up again.
  await app.form('/revoke', { client_id: spa.client_id });
  for (const client of [owner, issuer]) await app.form('/revoke', {}, client);
  for (const [what, [send, asked, written]] of Object.entries(requests)) {
    const [questions, decisions] = [app.store.asked.length, app.store.written.length];
    const { status } = await send();
    t.true(status < 500, what);
    const others = app.store.asked.slice(questions).filter((line) => line !== 'vouched');
    t.deepEqual([others, app.store.written.slice(decisions)], [asked, written], what);
  }
});

test('refusals are reported in sum, the last ones when the server ends', (t) => {
  const told: object[] = [];
  const log = { warn: ({ refused }: { refused: object }) => told.push(refused) } as unknown as Logger;
  const metrics = { countOverloadRefusal: () => {} } as unknown as Metrics;
  const overload = new Overload({ metrics, log, introspectionsAtOnceMax: 1 });
  for (const work of ['introspection', 'introspection', 'bulk', 'introspection'] as const)
    overload.countRefusal(work);
  t.deepEqual(told, [{ introspection: 1 }]);
  for (let n = 0; n < 2; n++) overload.flush();
  t.deepEqual(told, [{ introspection: 1 }, { introspection: 2, bulk: 1 }]);
});

test('of those refused 200 are answered in a turn of the event loop', async (t) => {
  const metrics = { countOverloadRefusal: () => {} } as unknown as Metrics;
  const log = { warn: () => {} } as unknown as Logger;
  const overload = new Overload({ metrics, log, introspectionsAtOnceMax: 2 });
  const handle = overload.guard((_request, response) => response.end());
  let finish = () => {};
  const work = overload.run(2, () => new Promise<void>((resolve) => (finish = resolve)));
  const responses = Array.from({ length: 500 }, () => {
    const incoming = new IncomingMessage(new Socket());
    Object.assign(incoming, { method: 'POST', url: '/introspect' });
    const response = new ServerResponse(incoming);
    handle(incoming, response);
    return response;
  });
  const answered = () =>
    responses.filter(({ statusCode, writableEnded }) => writableEnded && statusCode === 503).length;
  const turns = [answered()];
  for (let turn = 0; turn < 4; turn++) {
    await setImmediate();
    turns.push(answered());
  }
  t.deepEqual(turns, [0, 200, 400, 500, 500]);
  finish();
  await work;
});
