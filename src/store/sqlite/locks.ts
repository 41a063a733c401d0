// Locks that one process at a time can have: files of their own beside the database, so that what is done under a lock
// is not in its way. The operating system lets go of a lock when its process dies.
import Database from 'better-sqlite3';
import type { Exclusive } from '../../domain/upkeep-store.ts';
import { keepName } from '../../durable-names.ts';
import { codeOf } from '../drivers.ts';
import { makeFile } from './database-file.ts';

const migrationWaitMs = 60_000;

export async function withMigrationLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = new Database(makeFile(`${path}-migrate`), { timeout: migrationWaitMs });
  try {
    lock.exec('begin exclusive');
    return await work();
  } finally {
    lock.close();
  }
}

/** Until the process ends: a connection that nobody refers to would be closed. */
const held: Database.Database[] = [];

/** False when another process that serves has the lock. To be called when the database was opened and closed once. */
export function takeServerLock(path: string): boolean {
  // That has replayed and deleted the log that a killed process left. Its deletion is made durable: after a power cut an
  // older, half-synced log could come back, and be replayed over what is committed from now on.
  keepName(path);
  const lock = new Database(makeFile(`${path}-serve`), { timeout: 0 });
  held.push(lock);
  // Nobody removes a file beside it when the process ends.
  return take(lock, 'pragma journal_mode = memory; begin exclusive');
}

/** Undefined when another process has the lock. */
export async function withTaskLock<T>(
  path: string,
  task: Exclusive,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const lock = new Database(makeFile(`${path}-${task}`), { timeout: 0 });
  try {
    return take(lock, 'begin exclusive') ? await work() : undefined;
  } finally {
    lock.close();
  }
}

/** False when another process has it. */
function take(lock: Database.Database, sql: string): boolean {
  try {
    lock.exec(sql);
    return true;
  } catch (error) {
    if (codeOf(error) === 'SQLITE_BUSY') return false;
    throw error;
  }
}
