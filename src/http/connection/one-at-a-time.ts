// Requests that a client pipelines over one connection begin one after another, and only a few of those that wait are
// read.
import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { joinChunks } from '../reading/body-flow.ts';
import { type Connection, cutOff } from './connection.ts';

/** How many requests may wait on one connection for earlier answers; beyond it, reading from the connection pauses. */
const waitingMax = 32;
/**
 * The same for all connections together; beyond it, those that are over their own bound are cut off. What was read at
 * once may be thousands of requests, a hundred times as large in memory as on the wire.
 */
const waitingInAllMax = 10_000;

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
  let waitingInAll = 0;
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
    // Answers that wait have no connection yet, and do not close with it.
    socket.once('close', () => {
      waitingInAll -= line.waiting;
      line.waiting = 0;
    });
    return line;
  };
  return (request, response) => {
    const { socket } = request as { readonly socket: Connection };
    if (request.headers['transfer-encoding'] !== undefined) joinChunks(request);
    const begin = () => {
      // After an answer that ends the connection nothing is done, as nobody would hear of it (RFC 9112 §9.6).
      if (!socket.writableEnded && !socket.destroyed) handle(request, response);
    };
    // An answer has a socket only if no earlier answer is under way.
    if (response.socket !== null) return begin();
    if (socket.destroyed) return;
    const line = lineOf(socket);
    if (line.waiting > waitingMax && waitingInAll >= waitingInAllMax) return cutOff(socket);
    const before = line.waiting > 0 ? line.last : socket._httpMessage;
    line.last = response;
    line.waiting += 1;
    waitingInAll += 1;
    holdBack(socket);
    response.once('close', () => {
      if (line.waiting === 0) return;
      line.waiting -= 1;
      waitingInAll -= 1;
      if (line.waiting === waitingMax) socket.resume();
    });
    // Not at once, or all that wait on one connection would be answered before anybody else.
    before?.once('close', () => setImmediate(begin));
  };
}
