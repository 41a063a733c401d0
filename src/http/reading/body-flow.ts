// How the bytes of a body come in: their sender may wait to be asked for them, may take its time over a stream, and
// may go on sending after it was refused. body.ts reads whole bodies.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { addPiece } from '../../domain/values/pieces.ts';
import { requestTimeoutMs } from '../connection/request-limits.ts';

/** A refused sender that goes on for this many bytes is cut off. */
const restBytesMax = 4 * 2 ** 20;

/** Whether the request says that it has a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Joins what comes of a body in one turn. Each chunk would be a piece of its own, of hundreds of bytes in memory, and as
 * small as its sender likes, while nobody may be reading the body yet.
 */
export function joinChunks(request: IncomingMessage): void {
  const push = request.push.bind(request);
  let chunks: Uint8Array[] = [];
  let length = 0;
  const pushAll = (): boolean => {
    const whole = Buffer.concat(chunks);
    chunks = [];
    length = 0;
    return whole.length === 0 || push(whole);
  };
  request.push = (chunk: Buffer | null) => {
    if (chunk === null) {
      pushAll();
      return push(null);
    }
    // A body that comes faster than it is read is stopped as Node would do it; whoever reads on starts it again.
    if (length === 0) setImmediate(() => pushAll() || request.socket.pause());
    addPiece(chunks, chunk);
    length += chunk.length;
    return length < request.readableHighWaterMark || pushAll();
  };
}

/** Among other expectations, which are unknown here. */
const asksToContinue = /(?:^|,)[ \t]*100-continue[ \t]*(?:,|$)/i;

/** Tells a waiting sender to send the body (RFC 9110 §10.1.1), as nothing in the header speaks against it. */
export function inviteBody(request: IncomingMessage, response: ServerResponse): void {
  const { headers, httpVersion } = request;
  if (asksToContinue.test(headers.expect ?? '') && httpVersion === '1.1') response.writeContinue();
}

/** Connections whose request is answered while it is still being read. */
const streaming = new WeakSet<Socket>();

/** Does `streamBody` watch over this connection, so that Node's time limit for requests does not apply? */
export function isStreaming(socket: Socket): boolean {
  return streaming.has(socket);
}

export interface StreamedBody {
  readonly stream: Readable;
  /** Was the stream ended because nothing more came? */
  isStalled: boolean;
}

/**
 * Lets a streamed request take as long as it likes, if it never pauses for `requestTimeoutMs`. When it does, what has
 * come is its body, and the connection ends with the answer.
 */
export function streamBody(request: IncomingMessage, response: ServerResponse): StreamedBody {
  const { socket } = request;
  const stream = new PassThrough();
  const body = { stream, isStalled: false };
  inviteBody(request, response);
  streaming.add(socket);
  socket.setTimeout(requestTimeoutMs);
  response.once('close', () => streaming.delete(socket));
  // The reader of the stream gets its errors.
  pipeline(request, stream, () => {});
  request.once('timeout', () => {
    body.isStalled = true;
    // A client that does not read the answer either is cut off.
    socket.setTimeout(requestTimeoutMs);
    response.once('finish', () => socket.destroySoon());
    request.unpipe(stream);
    stream.end();
  });
  return body;
}

/**
 * Reads and forgets the rest of a refused request. Closing the connection at once would make the sender's system
 * throw away the answer, which names the limit, before the sender has read it.
 */
export function discardRest(request: IncomingMessage): void {
  if (request.complete) return;
  let length = 0;
  // The previous reader may have stopped without detaching itself.
  request.unpipe();
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > restBytesMax) request.destroy();
  });
  request.resume();
}
