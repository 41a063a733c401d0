// A client's connection, and what is under way on it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Node has no public names for the answer that is under way, and for the request that came last. */
export type Connection = Socket & {
  readonly _httpMessage?: ServerResponse | null;
  readonly parser?: { readonly incoming: IncomingMessage | null } | null;
};

/** Adds `Connection: close` to the answer, unless that has begun. */
export function makeLast(answer: ServerResponse): void {
  answer.shouldKeepAlive = false;
}
