// The table `audit_events`: append-only, in commit order.
import type { Knex } from 'knex';
import type { Actor, AuditEvent, NewEvent } from '../domain/audit.ts';
import type { EventFilter } from '../domain/store.ts';
import type { AuditAction, Channel } from '../domain/vocabulary.ts';
import { insertRows } from './insert-rows.ts';

interface EventRow {
  seq: number;
  at: number;
  action: AuditAction;
  reason: string | null;
  reason_text: string | null;
  actor_kind: Actor['kind'];
  actor_id: string | null;
  channel: Channel;
  user_id: string | null;
  client_id: string | null;
  session_id: string | null;
  token_ref: string | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  count: number;
  metadata: string;
}

export async function appendEvents(
  db: Knex,
  events: readonly NewEvent[],
  seqBefore: number,
  now: number,
): Promise<void> {
  const rows = events.map(
    (event, n): EventRow => ({
      seq: seqBefore + 1 + n,
      at: now,
      action: event.action,
      reason: event.reason,
      reason_text: event.reasonText,
      actor_kind: event.actor.kind,
      actor_id: event.actor.id,
      channel: event.channel,
      user_id: event.userId,
      client_id: event.clientId,
      session_id: event.sessionId,
      token_ref: event.tokenRef,
      ip: event.ip,
      user_agent: event.userAgent,
      request_id: event.requestId,
      count: event.count,
      metadata: JSON.stringify(event.metadata),
    }),
  );
  await insertRows(db, 'audit_events', rows);
}

export async function listEvents(
  db: Knex,
  filter: EventFilter,
  before: number,
  limit: number,
): Promise<AuditEvent[]> {
  const query = db<EventRow>('audit_events').where('seq', '<', before).andWhere('seq', '<=', filter.below);
  if (filter.userId !== undefined) query.andWhere('user_id', filter.userId);
  if (filter.clientId !== undefined) query.andWhere('client_id', filter.clientId);
  if (filter.action !== undefined) query.andWhere('action', filter.action as AuditAction);
  if (filter.from !== undefined) query.andWhere('at', '>=', filter.from);
  if (filter.to !== undefined) query.andWhere('at', '<', filter.to);
  const rows = (await query.orderBy('seq', 'desc').limit(limit)) as EventRow[];
  return rows.map(toEvent);
}

function toEvent(row: EventRow): AuditEvent {
  return {
    seq: row.seq,
    at: row.at,
    action: row.action,
    reason: row.reason,
    reasonText: row.reason_text,
    actor: { kind: row.actor_kind, id: row.actor_id },
    channel: row.channel,
    userId: row.user_id,
    clientId: row.client_id,
    sessionId: row.session_id,
    tokenRef: row.token_ref,
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
    count: row.count,
    metadata: JSON.parse(row.metadata),
  };
}
