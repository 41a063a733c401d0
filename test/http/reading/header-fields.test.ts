// Header fields as they come over the wire: those of which there is one, and one among hundreds.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { formType } from '../../helpers/bad-input.ts';
import { testEachDatabase } from '../../helpers/each-database.ts';

testEachDatabase('a header of which a request has one is there, and once', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const say = async (path: string, ...headers: string[]) => {
    const socket = connect(Number(port), hostname);
    const version = headers.length === 0 ? '1.0' : '1.1';
    socket.write(`POST ${path} HTTP/${version}\r\n${['Connection: close', ...headers].join('\r\n')}\r\n\r\n`);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    const { error_description, detail } = JSON.parse(body);
    return `${head.split(' ')[1]} ${error_description ?? detail}`;
  };
  const missing = '400 the header host is missing';
  const noForm = '400 the content type must be application/x-www-form-urlencoded';
  t.is(await say('/revoke', 'Accept: */*'), missing);
  t.is(await say('/nowhere', 'Accept: */*'), missing);
  t.is(await say('/revoke', 'Host: a', 'HOST: a'), '400 the header host is repeated');
  const twice = ['Authorization: Basic eA==', 'authorization: Bearer x'];
  t.is(await say('/revoke', 'Host: a', ...twice), '400 the header authorization is repeated');
  const types = [`Content-Type: ${formType}`, 'Content-Type: application/json'];
  t.is(await say('/v1/tokens', 'Host: a', ...types), '400 the header content-type is repeated');
  t.is(await say('/revoke'), noForm, 'HTTP/1.0 knows no Host');
  t.is(await say('/revoke', 'Host: a', 'Expect: the unexpected'), noForm);
  for (const host of ['a b', 'a/b', 'a@b', 'a?b', 'a:b:c', '[::1', 'a%zz', '<script>'])
    t.is(await say('/revoke', `Host: ${host}`), '400 the header host is not a host and a port', host);
  for (const host of ['', 'a', 'A-1.example:80', '[2001:db8::1]:443', '192.0.2.1', 'a_b', 'a%41:'])
    t.is(await say('/revoke', `Host: ${host}`), noForm, host);
});

testEachDatabase('OPTIONS /revoke and /logout want one host as well', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  for (const path of ['/revoke', '/logout'])
    for (const host of ['Accept: */*', 'Host: a\r\nHost: b', 'Host: a b']) {
      const socket = connect(Number(port), hostname);
      socket.write(`OPTIONS ${path} HTTP/1.1\r\nConnection: close\r\n${host}\r\n\r\n`);
      t.regex(await text(socket), /^HTTP\/1.1 400 [\s\S]*\r\nVary: Origin\r\n[\s\S]*the header host/, host);
    }
});

testEachDatabase('HTTP/1.0 with a transfer coding is refused, and its connection closed', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  const headers = [
    'Host: a',
    'Connection: keep-alive',
    'Transfer-Encoding: chunked',
    `Content-Type: ${formType}`,
  ];
  const second = 'GET /health/alive HTTP/1.1\r\nHost: a\r\n\r\n';
  socket.write(`POST /revoke HTTP/1.0\r\n${headers.join('\r\n')}\r\n\r\n0\r\n\r\n${second}`);
  const said = await text(socket);
  t.regex(said, /^HTTP\/1.1 400 [\s\S]*HTTP\/1.0 has no transfer-encoding/);
  t.notRegex(said, /alive/, 'what follows is not read');
});

testEachDatabase(
  'a transfer coding but chunked is 501, whatever the method, and the connection ends',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const second = 'GET /health/alive HTTP/1.1\r\nHost: a\r\n\r\n';
    const say = async (line: string, ...headers: string[]) => {
      const socket = connect(Number(port), hostname);
      socket.write(`${line} HTTP/1.1\r\nHost: a\r\n${headers.join('\r\n')}\r\n\r\n0\r\n\r\n${second}`);
      const said = await text(socket);
      t.notRegex(said, /alive/, 'what follows is not read');
      return said.split(' ')[1];
    };
    for (const line of [
      'POST /revoke',
      'POST /v1/tokens',
      'GET /version',
      'OPTIONS /logout',
      'GET /nowhere',
    ]) {
      t.is(await say(line, 'Transfer-Encoding: gzip, chunked'), '501', line);
      t.is(await say(line, 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'), '501', line);
      t.is(await say(line, 'Transfer-Encoding:'), '400', line);
    }
  },
);

testEachDatabase('a version of HTTP that is not spoken is 505, and the connection ends', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const fields = 'Host: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked';
  for (const version of ['0.9', '2.0'])
    for (const line of ['POST /revoke', 'GET /health/alive', 'GET /nowhere', 'OPTIONS /logout']) {
      const socket = connect(Number(port), hostname);
      socket.write(`${line} HTTP/${version}\r\n${fields}\r\n\r\n0\r\n\r\n`);
      const said = await text(socket);
      t.regex(said, /^HTTP\/1.1 505 [\s\S]*1.0 and 1.1 are spoken here/, `${line} ${version}`);
    }
});

testEachDatabase(
  'a header counts after hundreds of others, and one too many is refused by name of the limit',
  async (t, app) => {
    const { hostname, port } = new URL(app.url);
    const body = '{"refresh_token":"unknown"}';
    const say = (path: string, fields: number) => {
      const socket = connect(Number(port), hostname);
      const own = ['X-Forwarded-For: 192.0.2.7', 'Content-Type: application/json'];
      const headers = [
        'Host: a',
        ...Array(fields - 4).fill('a: b'),
        ...own,
        `Content-Length: ${body.length}`,
      ];
      socket.end(`POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
      return text(socket);
    };
    for (const path of ['/revoke', '/logout', '/v1/tokens', '/introspect', '/nowhere', '/health/ready'])
      for (const [fields, problem] of [
        [257, 'the header has over 256 fields'],
        // Newer Nodes refuse these themselves, where one that is dropped says how long the body is.
        [300, '256 fields'],
        [4000, '256 fields'],
      ] as const) {
        const said = await say(path, fields);
        t.regex(said, /^HTTP\/1.1 431 [\s\S]*\r\nConnection: close\r\n/, path);
        t.true(said.includes(problem), `${path}: ${said}`);
      }
    t.regex(await say('/logout', 256), /^HTTP\/1.1 200 /);
    t.deepEqual(
      (await app.events('logout_invalid_token')).map(({ ip }) => ip),
      ['192.0.2.7'],
    );
  },
  { TRUST_PROXY: '127.0.0.1' },
);
