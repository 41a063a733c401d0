// SQLite: a reader in the server's own thread, whose look-ups take microseconds and wait for no writer, and a
// writer in another thread. How work is locked is in locks.ts.
import knexFactory from 'knex';
import type { Dialect } from '../dialect.ts';
import { codeOf, rowHasChanged, silent } from '../drivers.ts';
import { DatabaseFile, isThere, makeFile, realPathOf } from './database-file.ts';
import { takeServerLock, withMigrationLock, withTaskLock } from './locks.ts';
import { ReaderClient } from './reader-client.ts';
import { ThreadClient } from './thread-client.ts';

const busyTimeoutMs = 5_000;
const pragmas = [`busy_timeout = ${busyTimeoutMs}`, 'journal_mode = WAL'];
/** Small for the reader, whose pages the OS caches too; larger for the writer, whose index pages are scattered. */
const pageCaches = { readerKiB: 2_048, writerKiB: 20_480 };

export function sqliteDialect(path: string, pageCacheKiB?: number): Dialect {
  const { readerKiB, writerKiB } = pageCaches;
  const cacheOf = (usualKiB: number) => `cache_size = -${Math.min(usualKiB, pageCacheKiB ?? usualKiB)}`;
  const readerPragmas = [...pragmas, cacheOf(readerKiB), 'query_only = ON'];
  const writerPragmas = [...pragmas, cacheOf(writerKiB), 'synchronous = FULL', 'foreign_keys = ON'];
  const realPath = realPathOf(path);
  let opened: DatabaseFile | undefined;
  const open = (client: typeof ReaderClient | typeof ThreadClient, own: object) => {
    const common = { log: silent, connection: { filename: path }, useNullAsDefault: true };
    return knexFactory({ ...common, client, pool: { min: 1, max: 1 }, ...own });
  };
  const openWriter = () => open(ThreadClient, { pragmas: writerPragmas });
  return {
    isThere: () => isThere(path),
    isInPlace: (ageMs) => opened?.isInPlace(ageMs) ?? true,
    openReader: () => {
      const onOpened = () => {
        opened = new DatabaseFile(path);
      };
      return open(ReaderClient, { pragmas: readerPragmas, onOpened });
    },
    openWriter,
    openMigrator: () => {
      makeFile(realPath);
      return openWriter();
    },
    inTransaction: (writer, work) => (writer.client as ThreadClient).inTransaction(work),
    readsBesideWriter: true,
    runsInProcess: true,
    clockSql: null,
    // Not SQLITE_BUSY itself: SQLite has waited for the other process already, as long as `busy_timeout` says.
    isTransient: (error) => codeOf(error) === rowHasChanged || /^SQLITE_(BUSY_|LOCKED)/.test(codeOf(error)),
    isRefusal: (error) => /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(codeOf(error)),
    takeServerLock: () => takeServerLock(realPath),
    withMigrationLock: (work) => withMigrationLock(realPath, work),
    withTaskLock: (task, work) => withTaskLock(realPath, task, work),
  };
}
