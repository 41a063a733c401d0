// Copying the write-ahead log, where the disk fails. That the log stays short is tested in writer-thread.test.ts.
import test from 'ava';
import type Database from 'better-sqlite3';
import { Checkpoints } from '../../../src/store/sqlite/checkpoints.ts';

/** A connection whose log is long, and is copied as `copy` has it. */
function connectionWith(copy: () => void): Database.Database {
  const pragma = (sql: string) => {
    if (sql === 'wal_checkpoint(PASSIVE)') copy();
    return sql.startsWith('wal_checkpoint') ? [{ log: 5_000, checkpointed: 0, busy: 0 }] : 5_000;
  };
  return { inTransaction: false, pragma } as unknown as Database.Database;
}

test('that the disk failed while the log was copied is told once, also when it works again', (t) => {
  let code: string | undefined;
  const checkpoints = new Checkpoints(
    connectionWith(() => {
      if (code !== undefined) throw Object.assign(new Error('it failed'), { code });
    }),
  );
  const copyFailingWith = (failure?: string) => {
    code = failure;
    checkpoints.consider();
  };
  const told = () => (checkpoints.takeFailure() as { code: string } | undefined)?.code;
  for (const other of [undefined, 'SQLITE_FULL', 'SQLITE_BUSY']) {
    copyFailingWith(other);
    t.is(told(), undefined, other);
  }
  copyFailingWith('SQLITE_IOERR_FSYNC');
  copyFailingWith();
  t.is(told(), 'SQLITE_IOERR_FSYNC', 'though it works again');
  copyFailingWith('SQLITE_IOERR_FSYNC');
  t.is(told(), undefined, 'it has not worked since that was told');
  copyFailingWith();
  copyFailingWith('SQLITE_IOERR_WRITE');
  t.is(told(), 'SQLITE_IOERR_WRITE', 'another failure');
  checkpoints.stop();
});
