// What the log says while the database cannot be used: enough, and not a line for every request.
import { testEachDatabase } from '../helpers/each-database.ts';

testEachDatabase(
  'requests and items that fail as the database cannot be used are one line of the log, the first at once',
  async (t, app) => {
    const [api, issuer] = [await app.addClient({ permissions: ['introspect'] }), await app.issuer()];
    t.is((await app.form('/introspect', { token: app.newToken() }, api)).status, 200);
    const registrations = [1, 2, 3].map(() => app.registration({ token: app.newToken(), client_id: 'c1' }));
    app.store.fault = 'everything';
    const { headers, status } = await app.form('/introspect', { token: app.newToken() }, api);
    t.is(status, 503);
    for (let n = 0; n < 3; n++)
      t.is((await app.form('/introspect', { token: app.newToken() }, api)).status, 503);
    app.store.fault = 'writes';
    const { body } = await app.json('/v1/tokens', registrations, issuer);
    t.deepEqual(
      body.items.map((item: Record<string, unknown>) => item.http_status),
      [503, 503, 503],
    );
    const lines = app.log.filter(({ error }) => error === 'StoreUnavailable');
    t.is(lines.length, 1);
    const { level, refused, request_id, route, message, cause, msg } = lines[0] ?? {};
    t.deepEqual(
      { level, refused, request_id, route, message },
      {
        level: 50,
        refused: 1,
        request_id: headers['x-request-id'],
        route: '/introspect',
        message: 'told to fail by a test',
      },
    );
    t.like(cause, { code: 'TEST' });
    t.regex(String(msg), /^the database cannot be used; check/);
  },
);
