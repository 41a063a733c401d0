// Copies the write-ahead log into the database file, so that it stays short: only between two transactions, and when the
// answer to the first has left. Only the next request that writes waits for it.
//
// It is done in the writer's thread and not in one of its own: measured side by side, commits were no faster with a third
// thread. A checkpoint's cost is the disk, which both threads would share, and the writer must let the copying catch
// up anyway before the log can begin anew. Copying less often helps: at 1,000 pages, SQLite's default, a busy writer
// spent a quarter of its time on checkpoints, at 4,000 an eighth, as pages that were written several times are copied
// once.
import type Database from 'better-sqlite3';
import { codeOf } from '../drivers.ts';

/** Pages not yet copied, 4 KiB each, at which a writer must wait for a checkpoint. */
const pagesMax = 4_000;
/**
 * Pages in the log at which it must begin anew. It does so by itself where a writer finds all of it copied, which never
 * happens while another connection, of a second worker or of the upkeep, writes on during each copying.
 */
const logPagesMax = 2 * pagesMax;
/** How long writers may wait for that. */
const beginAnewMsMax = 250;
/** While nobody writes, fewer pages are enough. */
const idlePages = 1_000;
const idleMs = 100;
/** The log's file is cut back to this size, also after a larger transaction. */
const fileBytesMax = 64 * 2 ** 20;

/** Whatever SQLite's code for it goes on with. */
const diskFailed = 'SQLITE_IOERR';

interface Progress {
  /** Pages in the log, and how many of them the database file has. */
  readonly log: number;
  readonly checkpointed: number;
  /** 1 where others stood in the way. */
  readonly busy: 0 | 1;
}

export class Checkpoints {
  readonly #connection: Database.Database;
  readonly #idle: NodeJS.Timeout;
  readonly #busyTimeoutMs: number;
  /** The length of the log when it was last to begin anew, and could not. */
  #keptAt = 0;
  #failure: { readonly error: unknown; isTold: boolean } | null = null;

  constructor(connection: Database.Database) {
    this.#connection = connection;
    this.#busyTimeoutMs = connection.pragma('busy_timeout', { simple: true }) as number;
    connection.pragma('wal_autocheckpoint = 0');
    connection.pragma(`journal_size_limit = ${fileBytesMax}`);
    this.#idle = setTimeout(() => this.#copy(idlePages), idleMs);
  }

  /** Call it after every answer. */
  consider(): void {
    this.#copy(pagesMax);
    this.#idle.refresh();
  }

  /**
   * The error of a disk that failed while it was copied to, once until it succeeds again; else undefined. Nothing is lost
   * yet, but the system may have forgotten what it could not write, and after a success the log is written over.
   */
  takeFailure(): unknown {
    if (this.#failure === null || this.#failure.isTold) return undefined;
    this.#failure.isTold = true;
    return this.#failure.error;
  }

  stop(): void {
    clearTimeout(this.#idle);
  }

  /** Copies if there are at least this many pages. Those that a reader still uses are left for the next time. */
  #copy(pages: number): void {
    if (this.#connection.inTransaction) return;
    try {
      let { log, checkpointed } = this.#ask('NOOP');
      if (log - checkpointed >= pages) {
        ({ log, checkpointed } = this.#ask('PASSIVE'));
        if (this.#failure?.isTold) this.#failure = null;
      }
      if (log < this.#keptAt) this.#keptAt = 0;
      const isTooLong = log >= Math.max(logPagesMax, this.#keptAt + idlePages);
      // More is left where somebody reads old pages, as a backup does: to wait for that would keep all writers waiting.
      if (isTooLong && log - checkpointed < idlePages) this.#beginAnew(log);
    } catch (error) {
      // The log stays whole, and the next request tries again. A full disk shows in the commits.
      if (codeOf(error).startsWith(diskFailed)) this.#failure ??= { error, isTold: false };
    }
  }

  /** Copies the rest while nobody writes, so that the next writer begins at the front of the file. */
  #beginAnew(log: number): void {
    this.#connection.pragma(`busy_timeout = ${beginAnewMsMax}`);
    try {
      this.#keptAt = this.#ask('RESTART').busy === 0 ? 0 : log;
    } finally {
      this.#connection.pragma(`busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }

  #ask(mode: 'NOOP' | 'PASSIVE' | 'RESTART'): Progress {
    const [progress] = this.#connection.pragma(`wal_checkpoint(${mode})`) as [Progress];
    return progress;
  }
}
