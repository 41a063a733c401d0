// A pooler in front of Postgres, as PgBouncer is one: it keeps a session for each client, or shares one among all of them,
// a transaction each at a time.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const [authentication, parameterStatus, backendKeyData, readyForQuery] = ['R', 'S', 'K', 'Z'];
const outsideTransaction = 'I';

/** Each message of a stream, which begin with their type but for a client's first one. */
function eachMessage(socket: Socket, use: (message: Buffer, type: string) => void, isTyped = true): void {
  let rest = Buffer.alloc(0);
  let typeBytes = isTyped ? 1 : 0;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= typeBytes + 4 && rest.length >= typeBytes + rest.readInt32BE(typeBytes)) {
      const end = typeBytes + rest.readInt32BE(typeBytes);
      const message = rest.subarray(0, end);
      rest = rest.subarray(end);
      use(message, typeBytes === 0 ? '' : String.fromCharCode(message[0] as number));
      typeBytes = 1;
    }
  });
}

export class Pooler {
  readonly #postgres: URL;
  readonly #server = createServer((client) => this.#greet(client));
  readonly #sockets = new Set<Socket>();
  readonly #shares: boolean;
  #shared: SharedSession | undefined;

  private constructor(url: string, shares: boolean) {
    this.#postgres = new URL(url);
    this.#shares = shares;
  }

  static async open(url: string, { shares }: { readonly shares: boolean }): Promise<Pooler> {
    const pooler = new Pooler(url, shares);
    await once(pooler.#server.listen(0, '127.0.0.1'), 'listening');
    return pooler;
  }

  get url(): string {
    const url = new URL(this.#postgres);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #greet(client: Socket): void {
    this.#keep(client);
    if (this.#shares) {
      this.#shared ??= new SharedSession(this.#connect());
      this.#shared.take(client);
      return;
    }
    const session = this.#connect();
    eachMessage(session, (message, type) =>
      client.write(type === backendKeyData ? anotherKey(message) : message),
    );
    client.pipe(session);
    session.on('end', () => client.end());
  }

  #connect(): Socket {
    return this.#keep(connect(Number(this.#postgres.port), this.#postgres.hostname));
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on('error', () => {});
  }
}

/** What a pooler tells its client in place of the number of the session. */
function anotherKey(message: Buffer): Buffer {
  const key = Buffer.from(message);
  key.writeInt32BE(key.readInt32BE(5) + 1, 5);
  return key;
}

class SharedSession {
  readonly #session: Socket;
  readonly #welcome: Buffer[] = [];
  readonly #waiting: { readonly client: Socket; readonly message: Buffer }[] = [];
  #owner: Socket | null = null;
  #answersDue = 0;
  #isReady = false;

  constructor(session: Socket) {
    this.#session = session;
    eachMessage(session, (message, type) => this.#answer(message, type));
  }

  /** The first client logs in to Postgres; those after it are let in. */
  take(client: Socket): void {
    this.#owner ??= this.#isReady ? null : client;
    const use = (message: Buffer, type: string) => {
      if (type === '' && this.#isReady) client.write(Buffer.concat(this.#welcome));
      else if (type === 'X') client.end();
      else this.#send(client, message);
    };
    eachMessage(client, use, false);
  }

  #send(client: Socket, message: Buffer): void {
    this.#owner ??= client;
    if (client !== this.#owner) return void this.#waiting.push({ client, message });
    if (['Q', 'S'].includes(String.fromCharCode(message[0] as number))) this.#answersDue += 1;
    this.#session.write(message);
  }

  #answer(message: Buffer, type: string): void {
    const sent = type === backendKeyData ? anotherKey(message) : message;
    this.#owner?.write(sent);
    const isLastOfLogin = type === authentication && message.readInt32BE(5) === 0;
    const isOfWelcome = isLastOfLogin || [parameterStatus, backendKeyData, readyForQuery].includes(type);
    if (!this.#isReady && isOfWelcome) this.#welcome.push(sent);
    if (type !== readyForQuery) return;
    this.#answersDue -= this.#isReady ? 1 : 0;
    this.#isReady = true;
    const isFree = this.#answersDue === 0 && String.fromCharCode(message[5] as number) === outsideTransaction;
    if (!isFree) return;
    this.#owner = null;
    for (const { client, message: next } of this.#waiting.splice(0)) this.#send(client, next);
  }
}
