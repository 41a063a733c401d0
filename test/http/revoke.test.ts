// POST /revoke (RFC 7009): what is ended, what is answered, what is written down.
import { testEachDatabase } from '../helpers/each-database.ts';

testEachDatabase('POST /revoke of a refresh token ends its grant, and says so once', async (t, app) => {
  const client = await app.addClient();
  const { client_id } = client;
  const refresh = await app.register({ client_id, sub: 'u1', token_use: 'refresh_token', grant_id: 'g1' });
  const access = await app.register({ client_id, sub: 'u1', grant_id: 'g1' });
  const first = await app.form('/revoke', { token: refresh }, client);
  t.is(first.status, 200);
  t.deepEqual(first.body, {
    status: 'revoked',
    reason: 'client_request',
    revoked_at: new Date(app.clock.now).toISOString(),
  });
  const second = await app.form('/revoke', { token: refresh }, client);
  t.deepEqual(second.body, { status: 'already_inactive', reason: 'token_already_revoked' });
  t.false(await app.isActive(access));
});
