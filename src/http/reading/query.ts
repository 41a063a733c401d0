// Query parameters of /v1 lists: known ones only, each once; pages by opaque cursor.
import { hash } from 'node:crypto';
import { isLongerThan, isPrintable } from '../../domain/values/printable.ts';
import { badParameter, safeName } from '../../wire/refusal.ts';
import { parseTime } from '../../wire/time.ts';
import type { Context } from '../context.ts';
import { respond } from '../respond.ts';

const pageLimitMax = 1000;
const pageLimitDefault = 100;

export type Query = ReadonlyMap<string, string>;

/** Refuses unknown and repeated parameters, by name. */
export function readQuery(ctx: Context, known: readonly string[]): Query {
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(ctx.querystring)) {
    if (!known.includes(name)) throw badParameter(safeName(name), 'is not known here');
    if (query.has(name)) throw badParameter(name, 'is repeated');
    query.set(name, value);
  }
  return query;
}

/** An id of any kind, where it is given. */
export function readId(query: Query, name: string, charactersMax: number): string | undefined {
  const id = query.get(name);
  const problem = id === undefined ? undefined : problemOfId(id, charactersMax);
  if (problem !== undefined) throw badParameter(name, problem);
  return id;
}

export function problemOfId(id: string, charactersMax: number): string | undefined {
  if (id === '') return 'is empty';
  if (!isPrintable(id)) return 'has control characters';
  return isLongerThan(id, charactersMax) ? `is over ${charactersMax} characters` : undefined;
}

export function readLimit(query: Query): number {
  const text = query.get('limit');
  if (text === undefined) return pageLimitDefault;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > pageLimitMax) throw badParameter('limit', `must be from 1 to ${pageLimitMax}`);
  return limit;
}

/** Milliseconds of an RFC 3339 time. */
function readTime(query: Query, name: string): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  const ms = parseTime(text);
  if (Number.isNaN(ms)) throw badParameter(name, 'must be an RFC 3339 time such as 2026-11-20T10:30:00Z');
  return ms;
}

/** `from` and `to`, half-open, where they are given. */
export function readInterval(query: Query): { readonly from?: number; readonly to?: number } {
  const [from, to] = [readTime(query, 'from'), readTime(query, 'to')];
  if (from !== undefined && to !== undefined && to < from) throw badParameter('to', 'is before from');
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** Identifies these parameters of the query: a cursor is valid only with those that it was given out for. */
export function fingerprintOf(query: Query, names: readonly string[]): string {
  const text = JSON.stringify(names.map((name) => query.get(name) ?? null));
  return hash('sha256', text, 'base64url').slice(0, 16);
}

/** Cursors are JSON, so that they can say which query they belong to. */
function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/**
 * The position that the cursor holds. If `list` is given, the cursor must be of that list: its position ends with the
 * list's name.
 */
export function readCursor(query: Query, list?: string): unknown[] | undefined {
  const text = query.get('cursor');
  if (text === undefined) return undefined;
  const position = decodeCursor(text);
  if (!Array.isArray(position) || (list !== undefined && position.at(-1) !== list)) throw badCursor();
  return position;
}

function decodeCursor(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

export function badCursor() {
  return badParameter('cursor', 'was not given out by this query');
}

/**
 * Answers with at most `limit` items; `found` holds one more if there is a next page. The cursor to that page holds
 * the position of the last item.
 */
export function respondPage<T>(
  ctx: Context,
  found: readonly T[],
  limit: number,
  positionOf: (last: T) => readonly (string | number)[],
  toWire: (item: T) => object,
): void {
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const nextCursor = found.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null;
  linkNext(ctx, nextCursor);
  respond(ctx, 200, { items: page.map(toWire), next_cursor: nextCursor });
}

/** RFC 8288: the next page under the same query. */
function linkNext(ctx: Context, nextCursor: string | null): void {
  if (nextCursor === null) return;
  const query = new URLSearchParams(ctx.querystring);
  query.set('cursor', nextCursor);
  ctx.set('Link', `<${ctx.path}?${query}>; rel="next"`);
}
