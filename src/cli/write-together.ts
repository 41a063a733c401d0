// The standard output of a server, whose lines are written many at a time.

/** A pipe takes this many bytes in one piece, even if several processes write to it. */
const pieceMax = 4_096;

export interface Output {
  /** `text` is whole lines. */
  write(text: string): void;
  /** Call before writing elsewhere, as to standard error, what must come after the text. */
  flush(): void;
}

/**
 * Writes the lines of one turn of the event loop together, as each write to a pipe or a file holds up the server. No
 * line is lost however the process ends, unless it is killed.
 */
export function writeTogether(process: NodeJS.Process): Output {
  let waiting = '';
  const flush = () => {
    while (waiting.length > pieceMax) {
      const end = waiting.lastIndexOf('\n', pieceMax - 1) + 1 || waiting.indexOf('\n') + 1 || waiting.length;
      process.stdout.write(waiting.slice(0, end));
      waiting = waiting.slice(end);
    }
    if (waiting !== '') process.stdout.write(waiting);
    waiting = '';
  };
  const write = (text: string) => {
    if (waiting === '') setImmediate(flush);
    waiting += text;
  };
  // A server goes on without a reader of its log.
  process.stdout.on('error', () => {});
  process.on('exit', flush);
  return { write, flush };
}
