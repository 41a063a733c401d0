// A port that the server listens at: its limits, and how it is let go without a request being lost.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  answerUnreadable,
  type Connection,
  headerBytesMax,
  headersTimeoutMs,
  makeLast,
  refuseConnect,
  requestTimeoutMs,
} from './http/unreadable.ts';
import { localUrl } from './local-url.ts';

/** How often it is looked which requests are overdue. */
const checkingIntervalMs = 2_000;
const keepAliveTimeoutMs = 65_000;
/** Of all workers together. */
const connectionsMax = 10_000;
/** How often it is looked, while draining, which connections have nothing more to say. */
const idleIntervalMs = 250;

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  /** Rejects with a system error of `listen` where the port or the host cannot be had. */
  static async open(
    handle: RequestListener,
    { host, workers }: { readonly host: string; readonly workers: number },
    port: number,
  ): Promise<Listener> {
    const listener = new Listener(handle, Math.ceil(connectionsMax / workers));
    const server = listener.#server;
    server.listen(port, host);
    // Also where it is the look-up of HOST that fails.
    await once(server, 'listening').catch((error) => {
      throw Object.assign(error, { syscall: 'listen' });
    });
    return listener;
  }

  private constructor(handle: RequestListener, ownConnectionsMax: number) {
    const options = {
      maxHeaderSize: headerBytesMax,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkingIntervalMs,
      // The application looks for it itself, and says so where it is missing.
      requireHostHeader: false,
    };
    const inTurn = oneAtATime(handle);
    const server = createServer(options, inTurn);
    // Whoever reads the body asks for it; expectations that we do not know are passed over (RFC 9110 §10.1.1).
    server.on('checkContinue', inTurn);
    server.on('checkExpectation', inTurn);
    server.on('connect', refuseConnect);
    server.headersTimeout = headersTimeoutMs;
    // By default the header fields after the two thousandth are left out, and nobody is told. Their bytes are bounded.
    server.maxHeadersCount = 0;
    server.keepAliveTimeout = keepAliveTimeoutMs;
    server.maxConnections = ownConnectionsMax;
    Object.assign(server, {
      // Otherwise a worker that is full passes new connections round (Node 22.12; older ones do).
      dropMaxConnection: true,
      // Who has sent all it has to say still waits for the answer.
      httpAllowHalfOpen: true,
    });
    server.on('clientError', answerUnreadable);
    server.on('connection', (connection) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    this.#server = server;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return localUrl(address, port);
  }

  /** Open requests get the grace period; then whatever is left is cut off. */
  close(graceMs: number): Promise<void> {
    const server = this.#server;
    for (const { _httpMessage: answer } of this.#connections) if (answer) makeLast(answer);
    // Who sends another one over an open connection is answered, and goes elsewhere with the next.
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (_request, answer: ServerResponse) => makeLast(answer));
    return new Promise((resolve) => {
      const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
      // Answers that had begun could not say that they would be the last.
      const idle = setInterval(() => server.closeIdleConnections(), idleIntervalMs);
      server.close(() => {
        clearTimeout(cutOff);
        clearInterval(idle);
        resolve();
      });
    });
  }
}

/** Requests that wait on one connection for the answers to those before them; beyond, no more is read of it. */
const waitingMax = 32;

interface Line {
  /** The last of those that wait, behind which the next one begins. */
  last: ServerResponse | null;
  waiting: number;
}

/**
 * What a client sends without waiting for the answer to what it sent before begins after that answer: an introspection
 * behind a revocation would not see it (RFC 9112 §9.3.2).
 */
function oneAtATime(handle: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  const holdBack = (socket: Socket) => {
    if ((lines.get(socket)?.waiting ?? 0) > waitingMax) socket.pause();
  };
  const lineOf = (socket: Connection): Line => {
    const known = lines.get(socket);
    if (known) return known;
    const line: Line = { last: null, waiting: 0 };
    lines.set(socket, line);
    // Whoever is done with a request, or reads a body, has the socket go on.
    socket.on('resume', () => holdBack(socket));
    return line;
  };
  return (request, response) => {
    // An answer has the connection from its turn on.
    if (response.socket !== null) return void handle(request, response);
    const { socket } = request as { readonly socket: Connection };
    const line = lineOf(socket);
    const before = line.waiting > 0 ? line.last : socket._httpMessage;
    line.last = response;
    line.waiting += 1;
    holdBack(socket);
    response.once('close', () => {
      line.waiting -= 1;
      if (line.waiting === waitingMax) socket.resume();
    });
    before?.once('close', () => {
      if (!socket.destroyed) handle(request, response);
    });
  };
}
