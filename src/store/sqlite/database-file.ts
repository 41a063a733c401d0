// Is a database's file still the one that was opened? A deleted or replaced file goes on taking commits, which would
// be lost.
import { statSync } from 'node:fs';

export class DatabaseFile {
  readonly #path: string;
  readonly #opened: string;
  readonly #now: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #wasInPlace = true;

  /**
   * To be made when the database has been opened, which may have made the file. `now`: milliseconds of a clock that is
   * never set back.
   */
  constructor(path: string, now = () => performance.now()) {
    this.#path = path;
    this.#now = now;
    this.#opened = identityOf(path);
  }

  /** The check may be `ageMs` old. */
  isInPlace(ageMs = 0): boolean {
    const now = this.#now();
    if (now - this.#lookedAt > ageMs) {
      this.#lookedAt = now;
      this.#wasInPlace = identityOf(this.#path) === this.#opened;
    }
    return this.#wasInPlace;
  }
}

function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino}` : '';
}
