// GET /v1/audit/events: the audit trail, newest first.
import { hash } from 'node:crypto';
import type { AuditEvent } from '../domain/audit.ts';
import type { EventFilter, Store } from '../domain/store.ts';
import { auditActions } from '../domain/vocabulary.ts';
import type { ClientAuth } from './client-auth.ts';
import type { Context } from './context.ts';
import {
  badCursor,
  encodeCursor,
  linkNext,
  type Query,
  readCursor,
  readLimit,
  readQuery,
  readTime,
} from './query.ts';
import { badParameter } from './refusal.ts';
import { respond, timeOf } from './respond.ts';

export interface AuditParts {
  readonly store: Store;
  readonly auth: ClientAuth;
}

const filters = ['user_id', 'client_id', 'action', 'from', 'to'] as const;

export function handleListEvents({ store, auth }: AuditParts) {
  return async function listEvents(ctx: Context): Promise<void> {
    await auth.permit(ctx, 'audit');
    const query = readQuery(ctx, [...filters, 'limit', 'cursor']);
    const limit = readLimit(query);
    const cursor = readPosition(query);
    // The walk ends where the log ended when it began: it never chases what is being written.
    const below = cursor?.below ?? (await store.findEventHead());
    const filter = readFilter(query, below);
    const events = await store.listEvents(filter, cursor?.before ?? below + 1, limit + 1);
    const page = events.slice(0, limit);
    const last = page.at(-1);
    const nextCursor =
      events.length > limit && last ? encodeCursor([below, last.seq, fingerprint(query)]) : null;
    linkNext(ctx, nextCursor);
    respond(ctx, 200, { items: page.map(toWire), next_cursor: nextCursor });
  };
}

function readPosition(query: Query): { below: number; before: number } | undefined {
  const position = readCursor(query);
  if (!position) return undefined;
  const [below, before, ofQuery] = position;
  const isWhole = Number.isSafeInteger(below) && Number.isSafeInteger(before);
  if (!isWhole || ofQuery !== fingerprint(query)) throw badCursor();
  return { below: below as number, before: before as number };
}

/** A cursor belongs to the filters it was given out under. */
function fingerprint(query: Query): string {
  return hash('sha256', JSON.stringify(filters.map((name) => query.get(name) ?? null)), 'base64url').slice(
    0,
    16,
  );
}

function readFilter(query: Query, below: number): EventFilter {
  const [userId, clientId, action] = [query.get('user_id'), query.get('client_id'), query.get('action')];
  for (const name of ['user_id', 'client_id'] as const) {
    if (/\p{Cc}/u.test(query.get(name) ?? '')) throw badParameter(name, 'has control characters');
  }
  if (action !== undefined && !(auditActions as readonly string[]).includes(action)) {
    throw badParameter('action', 'is not an action of the audit trail');
  }
  const [from, to] = [readTime(query, 'from'), readTime(query, 'to')];
  if (from !== undefined && to !== undefined && to < from) throw badParameter('to', 'is before from');
  return {
    below,
    ...(userId !== undefined && { userId }),
    ...(clientId !== undefined && { clientId }),
    ...(action !== undefined && { action }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  };
}

function toWire(event: AuditEvent): object {
  return {
    id: String(event.seq),
    time: timeOf(event.at),
    action: event.action,
    reason: event.reason,
    reason_text: event.reasonText,
    actor: event.actor,
    channel: event.channel,
    user_id: event.userId,
    client_id: event.clientId,
    session_id: event.sessionId,
    token_ref: event.tokenRef,
    ip: event.ip,
    user_agent: event.userAgent,
    request_id: event.requestId,
    count: event.count,
    metadata: event.metadata,
  };
}
