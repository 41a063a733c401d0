// What a request carries through the middleware: who asks, from where, and what may be written down of it; how its
// headers are read, and how its outcome is logged.
import type { DefaultContext, ParameterizedContext } from 'koa';
import type { Logger } from 'pino';
import type { Actor } from '../domain/audit.ts';
import type { ErrorFamily } from '../wire/refusal.ts';
import type { UnfinishedBodies } from './reading/unfinished-bodies.ts';
import type { ChosenNames } from './secrecy.ts';

export interface State {
  readonly names: ChosenNames;
  readonly bodies: UnfinishedBodies;
  /** Address of the caller, through trusted proxies. */
  ip: string;
  family: ErrorFamily;
  /** The route's pattern; the path itself is never logged, it may hold anything. */
  route: string;
  /** The authenticated client. */
  clientId: string | null;
  /** Who calls, once that is known: a client, or the user of a bearer token. */
  caller: Actor | null;
  log: Logger;
}

export type Context = ParameterizedContext<State, DefaultContext>;
export type Next = () => Promise<unknown>;

/** Logs what became of a request. */
export function logOutcome(ctx: Context, what: string, fields: Readonly<Record<string, unknown>>): void {
  const { names, clientId, log } = ctx.state;
  log.info({ request_id: names.requestId, client_id: clientId, ...fields }, what);
}

/** Is the body of this media type, whatever its parameters (RFC 9110 §8.3.1)? */
export function isOfType(ctx: Context, mediaType: string): boolean {
  const written = ctx.req.headers['content-type'] ?? '';
  if (written === mediaType) return true;
  const [type = ''] = written.split(';', 1);
  return type.trim().toLowerCase() === mediaType;
}

/** The token in `Authorization: Bearer` (RFC 6750 §2.1). */
export function bearerOf(ctx: Context): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(ctx.req.headers.authorization ?? '')?.[1];
}
