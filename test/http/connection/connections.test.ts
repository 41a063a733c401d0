// What strangers do with a connection: no HTTP, too much of it, requests one upon another, one half of it closed, one
// cut off. Nobody is answered wrongly, and nobody else is harmed.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { canary, formType } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';
import { authorization } from '../../helpers/requests.ts';

testEachDatabase(
  'a connection that speaks no HTTP, or too much of it, is answered by the name of the limit',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const say = async (text: string) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.write(text);
      await once(socket, 'close');
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
      t.regex(head, /\r\nDate: /, 'RFC 9110 §6.6.1');
      return [head.split('\r\n')[0], JSON.parse(body)];
    };
    const refusal = (error_description: string) => ({ error: 'invalid_request', error_description });
    t.deepEqual(await say(`${canary}\r\n\r\n`), [
      'HTTP/1.1 400 Bad Request',
      refusal('this is not an HTTP request'),
    ]);
    t.deepEqual(await say(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(40_000)}\r\n\r\n`), [
      'HTTP/1.1 431 Request Header Fields Too Large',
      refusal('the headers are over 32768 bytes or 256 fields'),
    ]);
    t.deepEqual(await say(`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`), [
      'HTTP/1.1 414 URI Too Long',
      refusal('the request target is over 32768 bytes'),
    ]);
    for (const line of ['CONNECT x:1', 'REVOKE /revoke'])
      t.deepEqual(await say(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`), [
        'HTTP/1.1 501 Not Implemented',
        refusal('this method is not known here'),
      ]);
    const chunked = 'POST /revoke HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n';
    const type = `Content-Type: ${formType}\r\n\r\n`;
    t.deepEqual(await say(`${chunked}${type}7;${'x'.repeat(17_000)}\r\ntoken=x\r\n0\r\n\r\n`), [
      'HTTP/1.1 413 Content Too Large',
      refusal('the chunk extensions are over 16384 bytes'),
    ]);
  },
);

testEachDatabase('what is sent without waiting for an answer is judged after that answer', async (t, app) => {
  const client = await app.addClient({ permissions: ['introspect:any'] });
  const { hostname, port } = new URL(app.url);
  const post = (path: string, token: string, connection: string) => {
    const body = `token=${token}`;
    const headers = ['Host: x', `Authorization: ${authorization(client)}`, `Content-Type: ${formType}`];
    const all = [...headers, `Connection: ${connection}`, `Content-Length: ${body.length}`];
    return `POST ${path} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`;
  };
  for (let n = 0; n < 5; n++) {
    const token = await app.register({ client_id: client.client_id });
    const socket = connect(Number(port), hostname);
    const kept = [post('/introspect', token, 'keep-alive'), post('/revoke', token, 'keep-alive')];
    socket.write([...kept, post('/introspect', token, 'close')].join(''));
    const answers = (await text(socket)).match(/"(?:active|status)":"?\w+/g);
    t.deepEqual(answers, ['"active":true', '"status":"revoked', '"active":false']);
  }
  const many = connect(Number(port), hostname);
  const get = (connection: string) =>
    `GET /health/alive HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`;
  many.write(get('keep-alive').repeat(999) + get('close'));
  t.is((await text(many)).match(/"status":"alive"/g)?.length, 1000);
});

testEachDatabase('what is no HTTP behind a whole request does not take its answer', async (t, app) => {
  const issuer = await app.addClient({ permissions: ['register'] });
  const token = await app.register({ client_id: issuer.client_id });
  const { hostname, port } = new URL(app.url);
  const say = (path: string, type: string, framing: string, body: string) => {
    const socket = connect(Number(port), hostname);
    const headers = ['Host: x', `Authorization: ${authorization(issuer)}`, `Content-Type: ${type}`, framing];
    socket.write(`POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
    return socket;
  };
  const revoke = `token=${token}`;
  const length = `Content-Length: ${revoke.length}`;
  const answer = await text(say('/revoke', formType, length, `${revoke}GARBAGE\r\n\r\n`));
  t.regex(answer, /^HTTP\/1\.1 200 .*Connection: close.*"status":"revoked"/s);
  t.is(answer.split('HTTP/1.1').length, 2, 'and nothing is answered after it');

  const lines = '{}\n'.repeat(200);
  const chunk = `${lines.length.toString(16)}\r\n${lines}\r\n`;
  const socket = say('/v1/tokens', 'application/x-ndjson', 'Transfer-Encoding: chunked', chunk);
  let begun = '';
  socket
    .on('error', () => {})
    .on('data', (data) => {
      begun += data;
      if (begun.includes('"index":199')) socket.write('GARBAGE\r\n');
    });
  await once(socket, 'close');
  t.is(begun.split('HTTP/1.1').length, 2, 'nor in the middle of it');
});

testEachDatabase(
  'what is no HTTP in the rest of a request that was answered gets no second answer',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    for (const line of ['GET /health/alive', 'POST /revoke', 'POST /nowhere']) {
      const socket = connect(Number(port), hostname);
      socket.write(`${line} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      const [answer] = await once(socket, 'data');
      socket.write('GARBAGE\r\n');
      const rest = await text(socket);
      t.regex(String(answer), /^HTTP\/1\.1 [24]0.*\}$/s, line);
      t.is(rest, '', line);
    }
  },
);

testEachDatabase('nothing is done after an answer that ends the connection', async (t, app) => {
  const client = await app.addClient();
  const { hostname, port } = new URL(app.url);
  const revoke = (token: string) => {
    const body = `token=${token}`;
    const headers = ['Host: x', `Authorization: ${authorization(client)}`, `Content-Type: ${formType}`];
    const head = [...headers, `Content-Length: ${body.length}`].join('\r\n');
    return `POST /revoke HTTP/1.1\r\n${head}\r\n\r\n${body}`;
  };
  const tokens = await Promise.all([1, 2, 3].map(() => app.register({ client_id: client.client_id })));
  // A proxy may take what follows for the body, and not know of this request (RFC 9112 §6.1).
  const unclear =
    'GET /health/alive HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  const sent = {
    [`${unclear}${tokens.map(revoke).join('')}`]: tokens,
    [`${tokens.map(revoke).join('')}GARBAGE\r\n\r\n`]: tokens.slice(1),
  };
  for (const [bytes, untouched] of Object.entries(sent)) {
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    const answers = await text(socket);
    t.is(answers.split('HTTP/1.1 ').length, 2, answers);
    for (const token of untouched) t.true(await app.isActive(token), answers);
  }
});

testEachDatabase('who has sent all it has to say is answered all the same', async (t, app) => {
  const client = await app.addClient();
  const token = await app.register({ client_id: client.client_id });
  const { hostname, port } = new URL(app.url);
  const body = `token=${token}`;
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  const headers = ['Host: x', `Authorization: ${authorization(client)}`, `Content-Type: ${formType}`];
  socket.end(
    `POST /revoke HTTP/1.1\r\n${[...headers, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`,
  );
  t.regex(await text(socket), /"status":"revoked"/);
});

testEachDatabase('a request that its sender cuts off harms no other', async (t, app) => {
  const issuer = await app.issuer();
  const kinds = { '/v1/tokens': 'application/x-ndjson', '/revoke': formType, '/logout': 'application/json' };
  const complaints: unknown[] = [];
  const complain = console.error;
  console.error = (...words: unknown[]) => complaints.push(words);
  t.teardown(() => {
    console.error = complain;
  });
  for (const [path, type] of Object.entries(kinds)) {
    for (const whenever of [0, 1, 2, 3]) {
      const request = httpRequest(`${app.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: authorization(issuer),
          'content-type': type,
          'content-length': 1000,
          expect: '100-continue',
        },
      });
      const closed = new Promise((resolve) => request.on('error', () => {}).on('close', resolve));
      request.flushHeaders();
      await once(request, 'continue');
      request.write('{"token":');
      for (let turn = 0; turn < whenever; turn++) await app.get('/health/alive');
      request.destroy();
      await closed;
    }
  }
  t.is((await app.get('/health/ready')).status, 200);
  const token = await app.register({ client_id: 'c1' });
  t.true(await app.isActive(token));
  t.deepEqual(complaints, []);
});

testEachDatabase(
  'who reads why their connection ends, and keeps their half of it open, is cut off',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.write('this is no HTTP\r\n\r\n');
    const [answer] = await once(socket, 'data');
    t.regex(String(answer), /^HTTP\/1\.1 400 /);
    const refused = once(socket, 'error');
    const writing = setInterval(() => socket.write('still here\r\n'), 100);
    const [error] = await refused;
    clearInterval(writing);
    t.true(['EPIPE', 'ECONNRESET'].includes(error.code), error.code);
  },
);
