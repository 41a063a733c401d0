// Requests that a client pipelines over one connection begin one after another, and only a few of those that wait are
// read.
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';

/** How many requests may wait on one connection for earlier answers; beyond it, reading from the connection pauses. */
const waitingMax = 32;

interface Line {
  /** The last one that waits; the next one begins after it. */
  last: ServerResponse | null;
  waiting: number;
}

/**
 * A request that a client sends before it has the answer to an earlier one begins after that answer: an introspection
 * sent behind a revocation would otherwise not see it (RFC 9112 §9.3.2).
 */
export function oneAtATime(handle: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  const holdBack = (socket: Socket) => {
    if ((lines.get(socket)?.waiting ?? 0) > waitingMax) socket.pause();
  };
  const lineOf = (socket: Connection): Line => {
    const known = lines.get(socket);
    if (known) return known;
    const line: Line = { last: null, waiting: 0 };
    lines.set(socket, line);
    // The socket also resumes when a request is done or its body is read.
    socket.on('resume', () => holdBack(socket));
    return line;
  };
  return (request, response) => {
    const { socket } = request as { readonly socket: Connection };
    const begin = () => {
      // After an answer that ends the connection nothing is done, as nobody would hear of it (RFC 9112 §9.6).
      if (!socket.writableEnded && !socket.destroyed) handle(request, response);
    };
    // An answer has a socket only if no earlier answer is under way.
    if (response.socket !== null) return begin();
    const line = lineOf(socket);
    const before = line.waiting > 0 ? line.last : socket._httpMessage;
    line.last = response;
    line.waiting += 1;
    holdBack(socket);
    response.once('close', () => {
      line.waiting -= 1;
      if (line.waiting === waitingMax) socket.resume();
    });
    before?.once('close', begin);
  };
}
