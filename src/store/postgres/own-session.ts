// Whether a connection keeps its session, to which locks and settings belong. A pooler in front of Postgres may give each
// transaction another one (PgBouncer's pool_mode = transaction): then a lock stays behind where nobody can give it back,
// and a commit may return before it is durable, and nothing fails.
import type pg from 'pg';
import { withConnectionOfItsOwn } from './connection.ts';

const looks = 3;
const waitMs = 2_000;

class SessionShared extends Error {
  override readonly name = 'SessionShared';
  readonly code = 'SESSION_SHARED';
}

/** Rejects where it finds that the session is not this connection's own. */
export async function demandOwnSession(client: pg.Client, url: string): Promise<void> {
  const session = await sessionOf(client);
  // Poolers tell their clients a number of their own making. Not in the types of pg.
  const { processID } = client as pg.Client & { readonly processID?: number | null };
  if (session === processID) return;
  // A pooler that gives each statement another session (pool_mode = statement) ends the connection here.
  await client.query('begin');
  await client.query('rollback');
  if (await isSharedWithAnother(client, session, url)) throw new SessionShared('its sessions are shared');
}

/**
 * A free session is given to whoever asks next, and who asks again while that one holds it is given another. On a busy
 * pooler another is likely anyway.
 */
async function isSharedWithAnother(client: pg.Client, session: number, url: string): Promise<boolean> {
  const look = async (another: pg.Client) => {
    for (let n = 0; n < looks; n += 1) {
      await another.query('begin');
      const isShared = (await sessionOf(another)) === session || (await sessionOf(client)) !== session;
      // A pooler ends a session whose client goes away within a transaction.
      await another.query('rollback');
      if (isShared) return true;
    }
    return false;
  };
  try {
    const timeouts = { connectionTimeoutMillis: waitMs, query_timeout: waitMs };
    return await withConnectionOfItsOwn(url, look, timeouts);
  } catch {
    // Another is given none, at least not now, as where each keeps its own and all are in use.
    return (await sessionOf(client)) !== session;
  }
}

async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return (rows[0] as { pid: number }).pid;
}
