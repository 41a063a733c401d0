// When the write-ahead log is copied into the database file, so that it stays short. Only between two
// transactions, and after the answer to the first has left: no request waits for it but the next that writes.
//
// In the writer's thread and not in one of its own: measured side by side, commits were no faster with a third
// thread. What a checkpoint costs is the disk, which both would share, and for the log to begin anew the writer
// must in the end let the copying catch up with it. Less often is what helps: at 1,000 pages, SQLite's own
// measure, a quarter of a busy writer's time went into checkpoints, at 4,000 an eighth, as pages that were
// written several times are copied once.
import type Database from 'better-sqlite3';

/** Pages not yet copied, 4 KiB each, at which a writer must wait for a checkpoint. */
const pagesMax = 4_000;
/** Where nobody writes, fewer are worth it. */
const idlePages = 1_000;
const idleMs = 100;
/** A transaction that was larger than all this leaves no larger file behind. */
const fileBytesMax = 64 * 2 ** 20;

interface Progress {
  /** Pages in the log, and how many of them the database file has. */
  readonly log: number;
  readonly checkpointed: number;
}

export class Checkpoints {
  readonly #connection: Database.Database;
  readonly #idle: NodeJS.Timeout;

  constructor(connection: Database.Database) {
    this.#connection = connection;
    connection.pragma('wal_autocheckpoint = 0');
    connection.pragma(`journal_size_limit = ${fileBytesMax}`);
    this.#idle = setTimeout(() => this.#copy(idlePages), idleMs);
  }

  /** To be called after every answer. */
  consider(): void {
    this.#copy(pagesMax);
    this.#idle.refresh();
  }

  stop(): void {
    clearTimeout(this.#idle);
  }

  /** Where there are as many pages or more. What a reader still reads is left for the next time. */
  #copy(pages: number): void {
    if (this.#connection.inTransaction) return;
    try {
      const { log, checkpointed } = this.#ask('NOOP');
      if (log - checkpointed >= pages) this.#ask('PASSIVE');
    } catch {
      // The log is whole, and the next request tries again. A disk that is full shows in the commits.
    }
  }

  #ask(mode: 'NOOP' | 'PASSIVE'): Progress {
    const [progress] = this.#connection.pragma(`wal_checkpoint(${mode})`) as [Progress];
    return progress;
  }
}
