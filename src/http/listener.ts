// A port that the server listens at: its limits, and how it is closed without losing a request.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { localUrl } from '../local-url.ts';
import { type Connection, makeLast } from './connection.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { headerBytesMax, headersTimeoutMs, requestTimeoutMs } from './request-limits.ts';
import { answerUnreadable, refuseConnect } from './unreadable.ts';

/** How often overdue requests are looked for. */
const checkingIntervalMs = 2_000;
const keepAliveTimeoutMs = 65_000;
/** For all workers together. */
const connectionsMax = 10_000;
/** How often idle connections are looked for while draining. */
const idleIntervalMs = 250;

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  /** Rejects with a system error of `listen` where the port or the host cannot be had. */
  static async open(
    handle: RequestListener,
    { host, port, workers }: { readonly host: string; readonly port: number; readonly workers: number },
  ): Promise<Listener> {
    const listener = new Listener(handle, Math.ceil(connectionsMax / workers));
    const server = listener.#server;
    server.listen(port, host);
    // A failed look-up of HOST counts as a failure to listen, too.
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
      // The application checks it itself, and names it where it is missing.
      requireHostHeader: false,
    };
    const inTurn = oneAtATime(handle);
    const server = createServer(options, inTurn);
    // The reader of the body asks for it; unknown expectations are ignored (RFC 9110 §10.1.1).
    server.on('checkContinue', inTurn);
    server.on('checkExpectation', inTurn);
    server.on('connect', refuseConnect);
    server.headersTimeout = headersTimeoutMs;
    // By default Node silently drops header fields after the 2000th. Their bytes are bounded anyway.
    server.maxHeadersCount = 0;
    server.keepAliveTimeout = keepAliveTimeoutMs;
    server.maxConnections = ownConnectionsMax;
    Object.assign(server, {
      // A full worker drops new connections instead of passing them round (from Node 22.12; older ones pass them).
      dropMaxConnection: true,
      // A client that has closed its own direction still waits for the answer.
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
    // A client that sends another request over an open connection is answered, and then must connect again.
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (_request, answer: ServerResponse) => makeLast(answer));
    return new Promise((resolve) => {
      const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
      // Answers that had already begun could not announce the end of their connections.
      const idle = setInterval(() => server.closeIdleConnections(), idleIntervalMs);
      server.close(() => {
        clearTimeout(cutOff);
        clearInterval(idle);
        resolve();
      });
    });
  }
}
