// What keeps the server from being ready: a database that is away, replaced, not migrated or not writable, or a clock
// that is wrong.
import { readsOf } from './dialect.ts';
import { migrationStatusOf } from './migrate.ts';
import type { OpenDatabase } from './open-database.ts';
import { readHeads } from './tables/heads.ts';
import { timeAfter } from './time.ts';

const clockDifferenceMs = 1_000;

/** By check; empty when there are none. */
export async function findFaults(
  database: OpenDatabase,
  canWrite: () => Promise<boolean>,
): Promise<Record<string, string>> {
  try {
    const { pending, newer } = await migrationStatusOf(database.reader);
    if (!database.dialect.isInPlace()) return { database: 'replaced', migrations: 'unknown' };
    if (newer.length > 0) return { migrations: 'newer' };
    if (pending.length > 0) return { migrations: 'pending' };
    if (!(await canWrite())) return { database: 'cannot_write' };
    return (await isClockRight(database)) ? {} : { clock: 'wrong' };
  } catch {
    return { database: 'unreachable', migrations: 'unknown' };
  }
}

/**
 * Wrong if the time (which never goes back, see time.ts) is ahead of our clock, or if the database's clock stamps
 * what is written and ours differs from it.
 */
async function isClockRight({ reader, clock }: OpenDatabase): Promise<boolean> {
  const { stamped_at } = await readHeads(reader);
  const ours = clock.now();
  if (timeAfter(stamped_at, ours) > ours + clockDifferenceMs) return false;
  if (clock.clockSql === null) return true;
  const before = clock.now();
  const { now } = await readsOf(reader).findRow<{ now: number }>(`select ${clock.clockSql} as now`);
  return now > before - clockDifferenceMs && now < clock.now() + clockDifferenceMs;
}
