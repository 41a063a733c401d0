// The name of a Postgres, which can be made to lead elsewhere: to another database of the same server. Connections that are
// open stay where they are, as they do where a primary that was replaced is still there.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const databaseOf = (url: string) => new URL(url).pathname.slice(1);

export class MovableName {
  readonly url: string;
  readonly #server;
  readonly #sockets: readonly Socket[];

  /** `url`: the database to which it leads first; a connection opens with its name. */
  static async open(url: string): Promise<MovableName> {
    const first = databaseOf(url);
    const { hostname, port } = new URL(url);
    const sockets: Socket[] = [];
    const server = createServer((client) => {
      const postgres = connect(Number(port), hostname);
      sockets.push(client, postgres);
      client.once('data', (opening) => {
        postgres.write(opening.toString('latin1').replace(first, name.database), 'latin1');
        client.pipe(postgres);
        postgres.pipe(client);
      });
      for (const socket of [client, postgres]) socket.on('error', () => {});
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const named = new URL(url);
    named.port = String((server.address() as AddressInfo).port);
    const name = new MovableName(named.href, server, sockets);
    return name;
  }

  /** Of the same length as the first. */
  database: string;

  private constructor(url: string, server: ReturnType<typeof createServer>, sockets: readonly Socket[]) {
    this.url = url;
    this.database = databaseOf(url);
    this.#server = server;
    this.#sockets = sockets;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
