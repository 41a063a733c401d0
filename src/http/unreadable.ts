// Input that never becomes a whole request: no HTTP, too long a head, or too slow. Koa does not see it; it is
// answered here, by name of the limit. Also reads the rest of a request that was answered early.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, PassThrough, pipeline, type Readable } from 'node:stream';
import { headersOf } from './respond.ts';

export const headerBytesMax = 32_768;
/** Node's own limit. */
const chunkExtensionBytesMax = 16_384;
/** For the headers alone. */
export const headersTimeoutMs = 10_000;
export const requestTimeoutMs = 30_000;
/** Node does not say which of the two it was. */
const tooSlow = `the headers took over ${headersTimeoutMs / 1000} seconds, or the request over ${requestTimeoutMs / 1000}`;
/** So long may a client take to read why its connection ends; one that keeps its own direction open is cut off. */
const readingMs = 2_000;
/** A refused sender that goes on for this many bytes is cut off. */
const restBytesMax = 4 * 2 ** 20;

/** Tells a waiting sender to send the body (RFC 9110 §10.1.1), as nothing in the header speaks against it. */
export function invite(request: IncomingMessage, response: ServerResponse): void {
  const { headers, httpVersion } = request;
  if (headers.expect?.toLowerCase() === '100-continue' && httpVersion === '1.1') response.writeContinue();
}

/** Connections whose request is answered while it is still being read. */
const patient = new WeakSet<Socket>();

export interface PatientBody {
  readonly stream: Readable;
  /** Was the stream ended because nothing more came? */
  isStalled: boolean;
}

/**
 * Lets a streamed request take as long as it likes, if it never pauses for `requestTimeoutMs`. When it does, what has
 * come is its body, and the connection ends with the answer.
 */
export function bePatient(request: IncomingMessage, response: ServerResponse): PatientBody {
  const { socket } = request;
  const stream = new PassThrough();
  const body = { stream, isStalled: false };
  invite(request, response);
  patient.add(socket);
  socket.setTimeout(requestTimeoutMs);
  response.once('close', () => patient.delete(socket));
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

/** Node has no public name for the answer that is under way on a connection. */
export type Connection = Socket & { readonly _httpMessage?: ServerResponse | null };

/** Node's error, with the bytes it read last. */
type Unreadable = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

export function answerUnreadable(error: Unreadable, socket: Socket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && patient.has(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const answer = (socket as Connection)._httpMessage;
  // It came after a whole request, which gets its answer; nothing after it does.
  if (answer?.req.complete) {
    makeLast(answer);
    if (answer.headersSent) answer.once('finish', () => socket.destroySoon());
    return;
  }
  // The answer has begun, so no other one can be sent.
  if (answer?.headersSent) return void socket.destroy();
  const [status, text] = whyUnreadable(error);
  endWith(socket, status, text);
}

/** Adds `Connection: close` to the answer, unless that has begun. */
export function makeLast(answer: ServerResponse): void {
  answer.shouldKeepAlive = false;
}

/** CONNECT (RFC 9110 §9.3.6) is for proxies. */
export function refuseConnect(_request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => {});
  endWith(socket, ...unknownMethod);
}

const unknownMethod = ['501 Not Implemented', 'this method is not known here'] as const;
const requestLine = /^[!#$%&'*+.^_`|~\w-]+ \S+ HTTP\/1\.[01]\r?\n/;
/** The beginning of a request target that is too long. */
const longTarget = new RegExp(`^[A-Z]+ \\S{${headerBytesMax - 100}}`);

function whyUnreadable({ code, rawPacket }: Unreadable): readonly [status: string, text: string] {
  const text = rawPacket?.toString('latin1') ?? '';
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return longTarget.test(text)
        ? ['414 URI Too Long', `the request target is over ${headerBytesMax} bytes`]
        : ['431 Request Header Fields Too Large', `the headers are over ${headerBytesMax} bytes`];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return ['413 Content Too Large', `the chunk extensions are over ${chunkExtensionBytesMax} bytes`];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['408 Request Timeout', tooSlow];
    case 'HPE_INVALID_METHOD':
      if (requestLine.test(text)) return unknownMethod;
  }
  return ['400 Bad Request', 'this is not an HTTP request'];
}

function endWith(socket: Duplex, status: string, text: string): void {
  const body = JSON.stringify({ error: 'invalid_request', error_description: text });
  const date = new Date().toUTCString();
  const headers = ['Date', date, 'Connection', 'close', ...headersOf(body, 'application/json', randomUUID())];
  const lines = headers.map((text, n) => (n % 2 === 0 ? `${text}: ` : `${text}\r\n`));
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`);
  const cutOff = setTimeout(() => socket.destroy(), readingMs);
  socket.once('close', () => clearTimeout(cutOff));
}
