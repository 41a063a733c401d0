// A port that the server listens at: its limits, and how it is closed without losing a request.
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, Server as Port } from 'node:net';
import { localUrl } from '../../local-url.ts';
import { type Connection, makeLast } from './connection.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { headerBytesMax, headerFieldsMax, headersTimeoutMs, requestTimeoutMs } from './request-limits.ts';
import { answerUnreadable, refuseConnect } from './unreadable.ts';

/** How often overdue requests are looked for. */
const checkingIntervalMs = 2_000;
const keepAliveTimeoutMs = 65_000;
/** For all workers together. */
const connectionsMax = 10_000;
/** So many open files are left to what is no connection: the database, keys that are fetched. */
const otherFilesMax = 128;
/** So long a kept connection may be silent while the server stops: a request may be on its way. */
const silenceMs = 1_000;

/**
 * How many connections one of so many workers takes, when so many files may be open. Beyond the latter a worker would lose
 * connections that the first process hands it, and be given none after that (`node:cluster` waits for an answer).
 */
export function connectionsMaxOf(workers: number, openFilesMax: number): number {
  const left = openFilesMax - Math.min(otherFilesMax, openFilesMax / 2);
  return Math.floor(Math.min(Math.ceil(connectionsMax / workers), left));
}

interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly workers: number;
  /** How many files are for this port. */
  readonly openFilesMax?: number;
}

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  /** Rejects with a system error of `listen` where the port or the host cannot be had. */
  static async open(
    handle: RequestListener,
    { host, port, workers, openFilesMax = Number.POSITIVE_INFINITY }: ListenerOptions,
  ): Promise<Listener> {
    const listener = new Listener(handle, connectionsMaxOf(workers, openFilesMax));
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
      // Otherwise an option of Node's for the whole process decides.
      insecureHTTPParser: false,
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
    // One more than is accepted: that there were too many shows.
    server.maxHeadersCount = headerFieldsMax + 1;
    server.keepAliveTimeout = keepAliveTimeoutMs;
    // A client that has closed its own direction still waits for the answer.
    Object.assign(server, { httpAllowHalfOpen: true });
    server.on('clientError', answerUnreadable);
    server.on('connection', (connection) => {
      // Not by `maxConnections`: full workers would pass new ones round and round (Node before 22.12).
      if (this.#connections.size >= ownConnectionsMax) return connection.destroy();
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    this.#server = server;
  }

  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return localUrl(address, port);
  }

  /** Takes no new connections. HTTP's own way to close a port would also close idle connections, at once. */
  refuse(): void {
    Port.prototype.close.call(this.#server);
  }

  /**
   * What is under way, and what clients that do not know yet still send over open connections, is answered, and told to
   * be the last (RFC 9112 §9.6). After the grace period whatever is left is cut off.
   */
  async close(graceMs: number): Promise<void> {
    const server = this.#server;
    const closed = once(server, 'close');
    this.refuse();
    // For connections whose answer has begun already, and cannot announce their end.
    server.keepAliveTimeout = silenceMs;
    for (const connection of this.#connections) {
      const { _httpMessage: answer } = connection;
      if (answer) makeLast(answer);
      else connection.setTimeout(silenceMs);
    }
    // On a busy server a request may have come in time; it is read before this looks.
    server.on('timeout', (connection: Connection) =>
      setImmediate(() => connection._httpMessage ?? connection.destroy()),
    );
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (_request: IncomingMessage, answer: ServerResponse) => makeLast(answer));
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cutOff);
    // Overdue requests are no longer looked for.
    server.close();
  }
}
