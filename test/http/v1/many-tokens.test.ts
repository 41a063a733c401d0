// POST /v1/tokens with many tokens at once: an array, or a stream of lines.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { wireDigestOf } from '../../helpers/claims.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { eventually } from '../../helpers/eventually.ts';
import { activity } from '../../helpers/logins.ts';
import { authorization, linesOf } from '../../helpers/requests.ts';

const path = '/v1/tokens';

testEachDatabase('POST /v1/tokens with an array answers an outcome per item, in order', async (t, app) => {
  const [one, two] = [app.newToken(), app.newToken()];
  const of = (members: Record<string, unknown>) => app.registration({ client_id: 'c1', ...members });
  const items = [
    of({ token: one }),
    of({ token: one }),
    of({ token: one, sub: 'other' }),
    of({ token: two, exp: 'soon' }),
    'no object',
    of({ token: two, iss: 'https://other.example' }),
    of({ token: two }),
  ];
  const { status, body } = await app.json(path, items, await app.issuer());
  t.is(status, 200);
  t.deepEqual(
    body.items.map((item: Record<string, unknown>) => [item.index, item.http_status, item.status, item.code]),
    [
      [0, 201, 'registered', undefined],
      [1, 200, 'already_registered', undefined],
      [2, 409, 409, 'claims_conflict'],
      [3, 400, 400, 'invalid_request'],
      [4, 400, 400, 'invalid_request'],
      [5, 403, 403, 'issuer_not_allowed'],
      [6, 201, 'registered', undefined],
    ],
  );
  t.deepEqual(await activity(app, [one, two]), [true, true]);
  t.deepEqual((await app.json(path, [], await app.issuer())).body, { items: [] });
});

testEachDatabase(
  'POST /v1/tokens takes at most 1000 in an array, and says where to send more',
  async (t, app) => {
    const issuer = await app.issuer();
    const digests = Array.from({ length: 1000 }, (_, n) => wireDigestOf(`token ${n}`));
    const items = digests.map((token_digest) => app.registration({ client_id: 'c1', token_digest }));
    const { body } = await app.json(path, items, issuer);
    t.is(body.items.filter((item: { http_status: number }) => item.http_status === 201).length, 1000);
    for (const length of [1001, 100_000]) {
      const reply = await app.json(
        path,
        Array.from({ length }, () => 0),
        issuer,
      );
      t.is(reply.status, 413);
      t.is(reply.body.code, 'too_many_items');
      t.is(reply.body.detail, 'an array holds at most 1000 tokens; send more as application/x-ndjson');
    }
  },
);

testEachDatabase(
  'POST /v1/tokens with NDJSON answers a line per line, whatever is wrong with some',
  async (t, app) => {
    const issuer = await app.issuer();
    const token = app.newToken();
    const line = JSON.stringify(app.registration({ client_id: 'c1', token }));
    const long = [' '.repeat(70_000), `"${'x'.repeat(70_000)}"`];
    const lines = [line, '', ' \t', '{"token": ', line, ...long, '[]', line, '\f', ''];
    const reply = await app.request('POST', path, {
      auth: issuer,
      type: 'application/x-ndjson; charset=utf-8',
      body: lines.join('\r\n'),
    });
    t.is(reply.status, 200);
    t.is(reply.headers['content-type'], 'application/x-ndjson');
    const items = linesOf(reply.text);
    t.deepEqual(
      items.map(({ index, http_status, code }) => [index, http_status, code]),
      [
        [0, 201, undefined],
        [1, 400, 'invalid_request'],
        [2, 200, undefined],
        [3, 413, 'too_large'],
        [4, 413, 'too_large'],
        [5, 400, 'invalid_request'],
        [6, 200, undefined],
        [7, 400, 'invalid_request'],
      ],
    );
    const longest = [65_536, 65_537].map((bytes) => line.padEnd(bytes));
    const answers = await app.request('POST', path, {
      auth: issuer,
      type: 'application/x-ndjson',
      body: longest.join('\n'),
    });
    t.deepEqual(
      linesOf(answers.text).map(({ http_status }) => http_status),
      [200, 413],
    );
  },
);

testEachDatabase(
  'POST /v1/tokens with NDJSON that stops is answered for what came, and by the name of the limit',
  async (t, app) => {
    const sockets = new Map<string, Socket>();
    const receive = (message: unknown) => {
      const { headers, socket } = (message as { request: IncomingMessage }).request;
      sockets.set(`${socket.localPort} ${headers['x-request-id']}`, socket);
    };
    subscribe('http.server.request.start', receive);
    t.teardown(() => unsubscribe('http.server.request.start', receive));
    const { port } = new URL(app.url);
    const headers = {
      authorization: authorization(await app.issuer()),
      'content-type': 'application/x-ndjson',
    };
    for (const lines of [1, 250]) {
      const sent = request(`${app.url}${path}`, { method: 'POST', headers });
      sent.setHeader('x-request-id', `lines-${lines}`);
      const [answered, closed] = [once(sent, 'response'), once(sent, 'close')];
      const tokens = Array.from({ length: lines }, () => app.newToken());
      const items = tokens.map((token) => JSON.stringify(app.registration({ token, client_id: 'c1' })));
      sent.write(`${items.join('\n')}\n`);
      await eventually(async () => (await app.isActive(tokens.at(-1) as string)) || undefined);
      sockets.get(`${port} lines-${lines}`)?.emit('timeout');
      const [response] = await answered;
      const answers = linesOf(await text(response));
      t.deepEqual(
        answers.map(({ http_status }) => http_status),
        [...Array(lines).fill(201), 400],
      );
      t.like(answers.at(-1), { index: lines, detail: 'nothing more came for 30 seconds' });
      await closed;
    }
  },
);

testEachDatabase('POST /v1/tokens with NDJSON takes more lines than an array holds', async (t, app) => {
  const of = (n: number) => app.registration({ client_id: 'c1', token_digest: wireDigestOf(`token ${n}`) });
  const body = Array.from({ length: 1500 }, (_, n) => `${JSON.stringify(of(n))}\n`).join('');
  const reply = await app.request('POST', path, {
    auth: await app.issuer(),
    type: 'application/x-ndjson',
    body,
  });
  const items = linesOf(reply.text);
  t.deepEqual(
    items.map(({ index }) => index),
    Array.from({ length: 1500 }, (_, n) => n),
  );
  t.true(items.every(({ http_status }) => http_status === 201));
});

testEachDatabase(
  'POST /v1/tokens with NDJSON answers 200 lines before more come: a caller may wait for that',
  async (t, app) => {
    const headers = {
      authorization: authorization(await app.issuer()),
      'content-type': 'application/x-ndjson',
    };
    const sent = request(`${app.url}${path}`, { method: 'POST', headers });
    const of = (n: number) => app.registration({ client_id: 'c1', token_digest: wireDigestOf(`token ${n}`) });
    const send = (from: number, to: number) => {
      for (let n = from; n < to; n++) sent.write(`${JSON.stringify(of(n))}\n`);
    };
    send(0, 250);
    const [response] = await once(sent, 'response');
    const indexes: number[] = [];
    let rest = '';
    for await (const chunk of response) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      const before = indexes.length;
      indexes.push(...lines.map((line) => JSON.parse(line).index));
      if (before < 200 && indexes.length >= 200) send(250, 450);
      if (before < 400 && indexes.length >= 400) sent.end();
    }
    t.deepEqual(
      indexes,
      Array.from({ length: 450 }, (_, n) => n),
    );
  },
);
