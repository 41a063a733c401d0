// Time does not go back where a clock is set back: what is ended covers what was registered before.
import { testEachDatabase } from '../helpers/each-database.ts';

const minute = 60;

testEachDatabase(
  'what is ended after a clock was set back ends what was registered before',
  async (t, app) => {
    const client = await app.addClient({ permissions: ['revoke:any'] });
    for (const [n, seconds] of [1, 30, 10 * minute, 60 * minute].entries()) {
      const target = { kind: 'subject', sub: `u${n}` };
      const token = await app.register({ client_id: client.client_id, sub: target.sub });
      t.is((await app.get('/health/ready')).status, 200);
      app.advance(-seconds);
      const revoked = await app.json('/v1/revocations', { target, reason: 'admin' }, client);
      t.is(revoked.status, 201);
      t.deepEqual(await app.introspect(token), { active: false }, `${seconds} seconds`);
      const { body } = await app.get('/health/ready');
      if (seconds > 1) t.like(body, { status: 'not_ready', checks: { clock: 'wrong' } });
      app.advance(seconds);
      t.deepEqual(await app.introspect(token), { active: false }, `${seconds} seconds, and right again`);
    }
  },
);

testEachDatabase('a clock that was far ahead is corrected', async (t, app) => {
  const { client_id } = await app.addClient();
  app.advance(2 * 60 * minute);
  await app.register({ client_id });
  app.advance(-2 * 60 * minute);
  t.is((await app.get('/health/ready')).status, 200);
  t.true(await app.isActive(await app.register({ client_id, exp: app.seconds + minute })));
});
