// Are a database's files still those that were opened? A deleted or replaced file goes on taking commits, which would
// be lost. So does its log: a process that comes later makes a new one, and neither sees what the other writes.
import { statSync } from 'node:fs';

/** The log, and the index of the log that all processes share. */
const suffixes = ['', '-wal', '-shm'];

export class DatabaseFile {
  /** By path. SQLite makes the log when it is first used, and keeps it while anybody has the database open. */
  readonly #opened = new Map<string, string>();
  readonly #paths: readonly string[];
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #wasInPlace = true;

  /**
   * To be made when the database has been opened, which may have made the file. `now`: milliseconds of a clock that is
   * never set back.
   */
  constructor(path: string, now = () => performance.now()) {
    this.#paths = suffixes.map((suffix) => `${path}${suffix}`);
    this.#now = now;
    this.#opened.set(path, identityOf(path));
  }

  /** The check may be `ageMs` old. */
  isInPlace(ageMs = 0): boolean {
    const now = this.#now();
    if (now - this.#lookedAt > ageMs) {
      this.#lookedAt = now;
      this.#wasInPlace = this.#paths.every((path) => this.#isSame(path));
    }
    return this.#wasInPlace;
  }

  /** A file that was not there before is taken for the one in use. */
  #isSame(path: string): boolean {
    const found = identityOf(path);
    const opened = this.#opened.get(path) ?? found;
    if (found !== '') this.#opened.set(path, opened);
    return found === opened;
  }
}

function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino}` : '';
}
