// Input that never becomes a whole request: no HTTP, headers that are too long, or a request that comes too slowly. Koa
// does not see it; it is answered here, on the bare connection, by name of the limit.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isStreaming } from '../reading/body-flow.ts';
import { headersOf } from '../respond.ts';
import { type Connection, makeLast } from './connection.ts';
import { headerBytesMax, headerFieldsMax, headersTimeoutMs, requestTimeoutMs } from './request-limits.ts';

/** Node's own limit. */
const chunkExtensionBytesMax = 16_384;
/** Node does not say which of the two it was. */
const tooSlow = `the headers took over ${headersTimeoutMs / 1000} seconds, or the request over ${requestTimeoutMs / 1000}`;
/**
 * How long a client may take to read why its connection ends; one that keeps its own direction open is then cut off.
 */
const readingMs = 2_000;

/** Node's error, with the bytes it read last. */
type Unreadable = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

export function answerUnreadable(error: Unreadable, socket: Socket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isStreaming(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const { _httpMessage: answer, parser } = socket as Connection;
  // It came after a whole request, which gets its answer; nothing after it does.
  if (answer?.req.complete) {
    makeLast(answer);
    if (answer.headersSent) answer.once('finish', () => socket.destroySoon());
    return;
  }
  // The answer has begun, so no other one can be sent.
  if (answer?.headersSent) return void socket.destroy();
  // It has ended, before its request had (RFC 9110 §15: exactly one).
  if (!answer && parser?.incoming?.complete === false) return void socket.destroySoon();
  const [status, text] = whyUnreadable(error);
  endWith(socket, status, text);
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
        : [
            '431 Request Header Fields Too Large',
            `the headers are over ${headerBytesMax} bytes or ${headerFieldsMax} fields`,
          ];
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
