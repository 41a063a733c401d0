// Is a database's file still the one that was opened? A deleted or replaced file goes on taking commits, which would
// be lost.
import { statSync } from 'node:fs';

export class DatabaseFile {
  readonly #path: string;
  readonly #opened: string;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #wasInPlace = true;

  /** Make it when the database has been opened, which may have created the file. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = identityOf(path);
  }

  /** The check may be `ageMs` old. */
  isInPlace(ageMs = 0): boolean {
    const now = performance.now();
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
