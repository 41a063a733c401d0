// The standard output of a server, whose lines are written many at a time, and kept for a while where its reader is slow.
import { setTimeout } from 'node:timers/promises';

/** A pipe takes this many bytes in one piece, even if several processes write to it. */
const pieceMax = 4_096;
/** So many bytes are kept for a reader that has stalled; what comes then is lost. */
const keptMax = 4 * 2 ** 20;
/** So long an ending process waits for its reader. */
const lastReadMs = 3_000;

/** What the log says of that. */
export const linesLost = 'lines were lost here, as nobody read them in time';

export interface Output {
  /** `text` is whole lines. */
  write(text: string): void;
  /** Call before the process ends, or writes elsewhere what must come after: resolves when all is read, or nobody reads. */
  end(): Promise<void>;
}

/**
 * Writes the lines of one turn of the event loop together, as each write to a pipe or a file holds up the server.
 * `onLost` is told how many lines were lost once the reader reads on.
 */
export function writeTogether(process: NodeJS.Process, onLost: (lines: number) => void): Output {
  const { stdout } = process;
  let waiting = '';
  let lost = 0;
  const flush = () => {
    if (stdout.writableLength > keptMax) {
      lost += waiting.split('\n').length - 1;
      waiting = '';
      return;
    }
    if (lost > 0) {
      onLost(lost);
      lost = 0;
    }
    while (waiting.length > pieceMax) {
      const end = waiting.lastIndexOf('\n', pieceMax - 1) + 1 || waiting.indexOf('\n') + 1 || waiting.length;
      stdout.write(waiting.slice(0, end));
      waiting = waiting.slice(end);
    }
    if (waiting !== '') stdout.write(waiting);
    waiting = '';
  };
  const write = (text: string) => {
    if (waiting === '') setImmediate(flush);
    waiting += text;
  };
  const end = async () => {
    flush();
    const isRead = new Promise<void>((resolve) => stdout.write('', () => resolve()));
    await Promise.race([isRead, setTimeout(lastReadMs)]);
  };
  // A server goes on without a reader of its log.
  stdout.on('error', () => {});
  process.on('exit', flush);
  return { write, end };
}
