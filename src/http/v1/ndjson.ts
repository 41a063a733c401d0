// Newline-delimited JSON from a stream: lines of bounded length, in constant memory.
import type { Readable } from 'node:stream';
import { addPiece } from '../../domain/values/pieces.ts';

/**
 * Yields the lines that are not blank, together if they came together; null for a line over `bytesMax`, whose rest is
 * skipped.
 */
export async function* ndjsonLines(
  stream: Readable,
  bytesMax: number,
): AsyncGenerator<readonly (Buffer | null)[]> {
  let parts: Buffer[] = [];
  let length = 0;
  const take = (): Buffer | null => {
    const line = length > bytesMax ? null : Buffer.concat(parts);
    parts = [];
    length = 0;
    return line;
  };
  const keep = (part: Buffer): void => {
    length += part.length;
    if (length <= bytesMax) addPiece(parts, part);
    else parts = [];
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: (Buffer | null)[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, end));
      from = end + 1;
      const line = take();
      if (!isBlank(line)) lines.push(line);
    }
    keep(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  const last = take();
  if (!isBlank(last)) yield [last];
}

/** Of JSON's own spaces alone (RFC 8259 §2): a line of others would be skipped, and not told from a lost one. */
function isBlank(line: Buffer | null): boolean {
  return line !== null && /^[ \t\r]*$/.test(line.toString('latin1'));
}
