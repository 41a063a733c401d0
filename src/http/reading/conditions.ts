// Conditions on the state of what a request names (RFC 9110 §13.1). They are judged by entity tags, which the records of
// clients and issuers have.
import { hash } from 'node:crypto';
import { Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';

/** Changes with every byte of the answer that shows the record (§8.8.3). */
export function tagOf(record: object): string {
  return `"${hash('sha256', JSON.stringify(record), 'base64url')}"`;
}

/**
 * If-Match: is what the request names still as its sender has seen it? `tag` is null for what has none.
 * @throws Refusal `precondition_failed`.
 */
export function demandMatch(ctx: Context, tag: string | null): void {
  const { 'if-match': wanted } = ctx.req.headers;
  if (wanted !== undefined && !isAmong(wanted, tag)) throw preconditionFailed('If-Match');
}

/** The methods that read and change what has a tag; their handlers compare it. */
const comparing: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PATCH']);

/** All other methods change what has no tag, so a condition that names one is not met. */
export function demandNoTag(ctx: Context): void {
  if (!comparing.has(ctx.method)) demandMatch(ctx, null);
}

/** Both conditions, for a change of what has this tag now. */
export function demandConditions(ctx: Context, tag: string): void {
  demandMatch(ctx, tag);
  if (isHeld(ctx, tag)) throw preconditionFailed('If-None-Match');
}

/** If-None-Match, for a question: does its sender hold the answer already? */
export function isHeld(ctx: Context, tag: string): boolean {
  const { 'if-none-match': held } = ctx.req.headers;
  return held !== undefined && isAmong(held.replaceAll('W/', ''), tag);
}

/** Our tags hold neither commas nor quotes, so no part of another tag looks like one. */
function isAmong(list: string, tag: string | null): boolean {
  const tags = list.split(',').map((item) => item.trim());
  return tags.includes('*') || (tag !== null && tags.includes(tag));
}

function preconditionFailed(header: string): Refusal {
  return new Refusal('precondition_failed', `what it names is not as ${header} wants it`);
}
