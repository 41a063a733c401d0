// The files of a database: making them, and whether they are still those that were opened. A deleted or replaced file
// goes on taking commits, which would be lost. So does its log: a process that comes later makes a new one, and neither
// sees what the other writes.
import { closeSync, openSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { makeFolderOf } from '../../durable-names.ts';
import { codeOf } from '../drivers.ts';

/**
 * SQL for `incarnation` in dialect.ts. A replaced file is noticed here; but SQLite can restore a backup into the file
 * that is open, too (`.restore`), and counts this on.
 */
export const incarnation = '(select cast(schema_version as text) from pragma_schema_version)';

/** The log, and the index of the log that all processes share. */
const suffixes = ['-wal', '-shm'];

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
    const realPath = realPathOf(path);
    this.#paths = [path, ...suffixes.map((suffix) => `${realPath}${suffix}`)];
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

/** Where the file of a symbolic link is, or is to be made: SQLite keeps the log there, and locks belong there. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const target = codeOf(error) === 'ENOENT' ? targetOf(path) : undefined;
    return target === undefined ? path : realPathOf(resolve(dirname(path), target));
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * To be called before it is opened. SQLite would make a file that is not there: an empty one, in the way of the one that
 * was moved. And each name of a file has a log of its own: who opens it by one overwrites what was written by the other.
 */
export function demandFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw Object.assign(new Error('the database file is not there'), { code: 'NO_DATABASE' });
  if (!stat.isFile() || stat.nlink <= 1) return;
  throw Object.assign(new Error('the database file has several names'), { code: 'SEVERAL_NAMES' });
}

/** True if the file may not be looked at: opening it will tell why. */
export function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
  }
}

/**
 * Creates a database file that only its owner can read; SQLite then creates its log likewise, and syncs their folder with
 * the first commit. An existing file is left alone: opening and closing it would release the locks that this process
 * holds on it.
 */
export function makeFile(path: string): string {
  makeFolderOf(path, 0o700);
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch {
    // The file exists; or SQLite will say why it cannot.
  }
  return path;
}
