// Helpers of the tests of purging: a run as the server makes it, a database that has purged much, and an issuer all of
// whose tokens have one client.
import { systemOrigin } from '../../src/domain/audit.ts';
import { type PurgeCounts, purge } from '../../src/domain/purge/purge.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { purgePolicyOf } from '../../src/upkeep/schedule.ts';
import type { TestApp } from './app.ts';
import type { TestDatabase } from './databases.ts';
import { TestIssuer } from './issuer.ts';

export async function purgeNow(app: TestApp): Promise<PurgeCounts> {
  const counts = await purge(app.store, purgePolicyOf(app.config), systemOrigin);
  if (!counts) throw new Error('another purge is running');
  return counts;
}

/** As if so many tokens had been registered, and purged: for a database that has none yet. */
export async function numberTokensFrom({ kind, url }: TestDatabase, id: number): Promise<void> {
  const db = dialectOf(url).openWriter();
  if (kind === 'sqlite') await db('sqlite_sequence').insert({ name: 'tokens', seq: id });
  else await db.raw("select setval(pg_get_serial_sequence('tokens', 'id'), ?)", [id]);
  await db.destroy();
}

/** One subject, session and client for all JWTs that a test signs. */
export async function trustForOneClient(app: TestApp, fields: Record<string, unknown> = {}) {
  const client = await app.addClient({ permissions: ['revoke:any', 'audit'], logoutScope: 'all' });
  const issuer = await TestIssuer.inline(app, { default_client: client.client_id, ...fields });
  const end = (target: Record<string, unknown>) =>
    app.json('/v1/revocations', { target: { issuer: issuer.name, ...target }, reason: 'admin' }, client);
  return { client, issuer, end };
}
