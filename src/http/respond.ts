// Answers: one JSON string each.
import type { Context } from './context.ts';

export function respond(ctx: Context, status: number, body: object, contentType = 'application/json'): void {
  ctx.status = status;
  ctx.set('Content-Type', contentType);
  ctx.body = JSON.stringify(body);
}

/** RFC 3339 in UTC, with milliseconds. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
