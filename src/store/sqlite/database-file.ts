// Which file a database was opened in: one that was deleted or replaced since goes on taking commits, which nobody
// would ever find again.
import { statSync } from 'node:fs';

export class DatabaseFile {
  readonly #path: string;
  readonly #opened: string;

  /** To be made when the database has been opened, which may have made the file. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = identityOf(path);
  }

  isInPlace(): boolean {
    return identityOf(this.#path) === this.#opened;
  }
}

function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev} ${stat.ino}` : '';
}
