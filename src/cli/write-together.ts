// What a server writes to its standard output.

/**
 * Texts of one turn of the event loop are written at once, in their order, and none is lost at the end: to a pipe
 * or a file each write holds up the server.
 */
export function writeTogether(process: NodeJS.Process): (text: string) => void {
  let waiting = '';
  const flush = () => {
    if (waiting !== '') process.stdout.write(waiting);
    waiting = '';
  };
  process.on('exit', flush);
  return (text) => {
    if (waiting === '') setImmediate(flush);
    waiting += text;
  };
}
