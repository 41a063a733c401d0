// What Postgres does in its own way, connections aside: how they are opened is in pool.ts, what they are asked in
// client.ts, how work is locked in locks.ts.
import type { Dialect } from '../dialect.ts';
import { codeOf } from '../drivers.ts';
import { withMigrationLock, withTaskLock } from './locks.ts';
import { Connections, openMigrator, openReader, openWriter } from './pool.ts';

export function postgresDialect(url: string): Dialect {
  const connections = new Connections();
  return {
    isThere: () => true,
    isInPlace: () => true,
    openReader: () => openReader(url, connections),
    openWriter: () => openWriter(url, connections),
    openMigrator: () => openMigrator(url),
    inTransaction: (writer, work) => writer.transaction(work),
    readsBesideWriter: false,
    runsInProcess: false,
    clockSql: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
    isTransient: (error) => ['40001', '40P01', '55P03'].includes(codeOf(error)),
    isRefusal: (error) => /^(22|23)/.test(codeOf(error)),
    takeServerLock: () => true,
    withMigrationLock: (work) => withMigrationLock(url, work),
    withTaskLock: (task, work) => withTaskLock(url, task, work),
  };
}
