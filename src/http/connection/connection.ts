// A client's connection, and what is under way on it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Node has no public names for the answer that is under way, and for the request that came last. */
export type Connection = Socket & {
  readonly _httpMessage?: ServerResponse | null;
  readonly parser?: { readonly incoming: IncomingMessage | null; onIncoming: (() => number) | null } | null;
};

/** Adds `Connection: close` to the answer, unless that has begun. */
export function makeLast(answer: ServerResponse): void {
  answer.shouldKeepAlive = false;
}

/** The rest of what was read at once would be parsed otherwise, request by request. */
const parseNoMore = 2;

/** Ends the connection, and begins none of the requests that were read of it. */
export function cutOff(connection: Connection): void {
  if (connection.parser) connection.parser.onIncoming = () => parseNoMore;
  connection.destroy();
}
