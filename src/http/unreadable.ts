// What never becomes a request: no HTTP, too long a head, or not all of it in time. Koa hears nothing of it; it
// is answered here, by name of the limit.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export const headerBytesMax = 32_768;
export const requestTimeoutMs = 30_000;

/** Connections whose request is answered while it is still being read. */
const patient = new WeakSet<Socket>();

/** Lets a request that is a stream take as long as it likes, as long as it never stops for `requestTimeoutMs`. */
export function bePatient({ socket }: IncomingMessage, response: ServerResponse): void {
  patient.add(socket);
  socket.setTimeout(requestTimeoutMs);
  response.once('close', () => patient.delete(socket));
}

export function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && patient.has(socket)) return;
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', `the headers are over ${headerBytesMax} bytes`]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', `the request took over ${requestTimeoutMs / 1000} seconds`]
        : ['400 Bad Request', 'this is no HTTP request'];
  const body = JSON.stringify({ error: 'invalid_request', error_description: text });
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nCache-Control: no-store`;
  socket.end(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
