// The request target (RFC 9112 §3.2): a path, or a whole URL; whatever is neither is refused.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { testEachDatabase } from '../helpers/each-database.ts';

testEachDatabase('a request target may be a whole URL; one that is no URL is refused', async (t, app) => {
  const { hostname, port } = new URL(app.url);
  const ask = async (method: string, target: string) => {
    const socket = connect(Number(port), hostname);
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`, 'latin1');
    return (await text(socket)).split('\r\n\r\n');
  };
  const say = async (target: string) => {
    const [head = '', body = ''] = await ask('GET', target);
    return `${head.split(' ')[1]} ${JSON.parse(body).detail ?? ''}`.trim();
  };
  for (const target of ['http://a/version', 'https://a:1/version?x=1', 'HTTP://a/version'])
    t.is(await say(target), '200', target);
  const noUrl = '400 the request target is not a URL';
  for (const target of [
    '/version#x',
    'http://a/version#x',
    'http://[::1/',
    // A host to Node 24.
    ...(URL.canParse('http://xn--/') ? [] : ['http://xn--/x']),
    'http://a:99999999/version',
    'http://a%b/version',
  ])
    t.is(await say(target), noUrl, target);
  const mended = '400 the request target is not properly encoded UTF-8';
  for (const target of ['/version?x=%ff', '/version?x=%', '/v1/sessions/%ff', 'http://a/version?x=%f'])
    t.is(await say(target), mended, target);
  t.is(await say('/version?x=%c3%bc'), '200');
  const families = {
    '/revoke': 'error',
    '/introspect': 'error',
    '/logout': 'message',
    '/security-events': 'err',
  };
  for (const [path, member] of Object.entries(families)) {
    const [head = '', body = ''] = await ask('POST', `${path}?x=%ff`);
    t.true(head.startsWith('HTTP/1.1 400 '), path);
    t.true(head.includes('Content-Type: application/json'), path);
    t.true(member in JSON.parse(body), `${path} refuses in its own shape`);
  }
  const nothing = '404 there is nothing here; see /openapi.json';
  for (const target of ['*', 'http://a', 'http://a/nothing', 'http://a/v1/../version', '/v1/../version'])
    t.is(await say(target), nothing, target);
});
