// What is not there: no such method, no such path.
import { canary } from '../helpers/bad-input.ts';
import { testEachDatabase } from '../helpers/each-database.ts';

testEachDatabase('a method that is not offered is 405 with what is', async (t, app) => {
  const allowed: Record<string, string> = {
    '/revoke': 'POST, OPTIONS',
    '/introspect': 'POST',
    '/logout': 'POST, OPTIONS',
    '/v1/tokens': 'POST',
    '/v1/clients': 'POST, GET, HEAD',
    '/v1/clients/c1': 'GET, HEAD, PATCH',
    '/v1/clients/c1/disable': 'POST',
    '/v1/audit/events': 'GET, HEAD',
    '/health/ready': 'GET, HEAD',
  };
  for (const [path, allow] of Object.entries(allowed)) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (allow.split(', ').includes(method)) continue;
      const reply = await app.request(method, path);
      t.is(reply.status, 405, `${method} ${path}`);
      t.is(reply.headers.allow, allow, `${method} ${path}`);
    }
  }
});

testEachDatabase('a path that is not there is 404, however it is written', async (t, app) => {
  const paths = [
    '/',
    '/nothing',
    '/revoke/',
    '/Revoke',
    '//revoke',
    '/v1',
    '/v1/',
    '/v1/nothing',
    '/%00',
    '/..%2f..%2fetc/passwd',
    `/${canary}`,
  ];
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const reply = await app.request(method, path);
      t.is(reply.status, 404, `${method} ${path}`);
      t.is(reply.body.code, 'not_found');
      t.false(reply.text.includes(canary));
    }
  }
});
