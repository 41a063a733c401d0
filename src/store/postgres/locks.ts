// Locks that one process at a time can have. Each has a connection of its own, which holds no snapshot and no row, and
// lives as long as the lock. If that connection alone breaks, the work goes on without its lock, which it must
// tolerate.
import type pg from 'pg';
import type { Exclusive } from '../../domain/upkeep-store.ts';
import { endlessSession, withConnectionOfItsOwn } from './connection.ts';
import { demandOwnSession } from './own-session.ts';

const migrationKey = 7009_7662;
const taskKeys = { seal: 1, purge: 2 } as const satisfies Record<Exclusive, number>;

export function withMigrationLock<T>(url: string, work: () => Promise<T>): Promise<T> {
  return withSessionOfItsOwn(url, async (client) => {
    // What the user or the database has for them would end the wait, and with it a start of the server.
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [migrationKey]);
    return work();
  });
}

/** Undefined when another process has the lock. */
export function withTaskLock<T>(
  url: string,
  task: Exclusive,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return withSessionOfItsOwn(url, async (client) => {
    const keys = [migrationKey, taskKeys[task]];
    const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as mine', keys);
    return rows[0].mine ? work() : undefined;
  });
}

async function withSessionOfItsOwn<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withConnectionOfItsOwn(url, async (client) => {
    await demandOwnSession(client, url);
    await client.query(endlessSession);
    return work(client);
  });
}
