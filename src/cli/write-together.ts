// What a server writes to its standard output.

/** What a pipe takes in one piece, also where several processes write to it. */
const pieceMax = 4_096;

export interface Output {
  /** `text` is whole lines. */
  write(text: string): void;
  /** Before something is written elsewhere that is to come after it, as to the standard error. */
  flush(): void;
}

/**
 * Lines of one turn of the event loop are written together: to a pipe or a file each write holds up the server.
 * None is lost however the process ends, unless it is killed.
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
