// Answers: one JSON string and one header write each. On the hot endpoints Koa's own way (a setter per header, a last
// look at the body) costs as much as the answer itself.
import type { ServerResponse } from 'node:http';
import type { Context } from './context.ts';

/** The usual Retry-After of a 503; whole seconds. */
export const retryAfterSeconds = '1';

/** Answers at once, as `respondText` does: what a handler does after this cannot change the answer. */
export function respond(ctx: Context, status: number, body: object, contentType = 'application/json'): void {
  respondText(ctx, status, JSON.stringify(body), contentType);
}

export function respondText(
  ctx: Context,
  status: number,
  text: string | Uint8Array,
  contentType: string,
): void {
  const { res } = ctx;
  ctx.respond = false;
  const cacheControl = res.getHeader('Cache-Control') as string | undefined;
  send(res, status, headersOf(text, contentType, ctx.state.names.requestId, cacheControl), text);
}

/**
 * Header and body in one piece. By `end(text)`, Node would add an empty piece and gather both, which takes a twentieth
 * of what an introspection costs.
 */
export function send(
  res: ServerResponse,
  status: number,
  headers: readonly string[],
  text: string | Uint8Array,
): void {
  res.writeHead(status, headers as string[]);
  const { socket } = res;
  socket?.cork();
  res.write(text);
  socket?.uncork();
  res.end();
}

/** Names and values in turn, as `writeHead` takes them. */
export function headersOf(
  text: string | Uint8Array,
  contentType: string,
  requestId: string,
  cacheControl = 'no-store',
): string[] {
  return [
    'X-Request-Id',
    requestId,
    'Cache-Control',
    cacheControl,
    'X-Content-Type-Options',
    'nosniff',
    'Content-Type',
    contentType,
    'Content-Length',
    String(Buffer.byteLength(text)),
  ];
}

/** The same headers for answers that are not JSON and that Koa sends: pages, streams, empty ones. */
export function setCommonHeaders(ctx: Context): void {
  ctx.set('X-Request-Id', ctx.state.names.requestId);
  ctx.set('X-Content-Type-Options', 'nosniff');
  if (!ctx.res.hasHeader('Cache-Control')) ctx.set('Cache-Control', 'no-store');
}
