// A client's connection, and the answer that is under way on it.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Node has no public name for the answer that is under way. */
export type Connection = Socket & { readonly _httpMessage?: ServerResponse | null };

/** Adds `Connection: close` to the answer, unless that has begun. */
export function makeLast(answer: ServerResponse): void {
  answer.shouldKeepAlive = false;
}
