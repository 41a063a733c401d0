// Rows of `audit_events`: from an event to its row, with fresh salts and its leaf, and back.
import { randomBytes } from 'node:crypto';
import type { Actor, AuditEvent } from '../../domain/audit.ts';
import {
  type ByField,
  leafWith,
  type PersonalField,
  personalFieldsOf,
  type RecordedEvent,
  saltLength,
} from '../../domain/trail/audit-leaf.ts';
import type { AuditAction, Channel } from '../../domain/vocabulary.ts';

export interface EventRow {
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
  leaf: Buffer | null;
  /** The salts of the personal members that are there, one after another in their fixed order. */
  salts: string | null;
  /** JSON: the commitments of erased members. */
  erased: string | null;
}

const saltBytes = 16;
/** Random bytes are drawn from a pool, as each call for some costs far more than the bytes. */
const randomPoolBytes = 4_096;
let random = Buffer.alloc(0);

/** A fresh salt; none is given out twice. */
function newSalt(): string {
  if (random.length < saltBytes) random = randomBytes(randomPoolBytes);
  const salt = random.toString('base64url', 0, saltBytes);
  random = random.subarray(saltBytes);
  return salt;
}

export function eventToRow(event: AuditEvent): EventRow {
  const row: EventRow = {
    seq: event.seq,
    at: event.at,
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
    leaf: null,
    salts: null,
    erased: null,
  };
  return Object.assign(row, saltedColumns(event));
}

/** Fresh salts and the leaf over them. */
function saltedColumns(event: AuditEvent): Pick<EventRow, 'leaf' | 'salts'> {
  const salts: Partial<Record<PersonalField, string>> = {};
  for (const field of personalFieldsOf(event)) salts[field] = newSalt();
  return { leaf: leafWith(event, { salts, erased: {} }), salts: Object.values(salts).join('') };
}

export function rowToEvent(row: EventRow): RecordedEvent {
  const event: AuditEvent = {
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
    metadata: readObject(row.metadata),
  };
  const erased: ByField = row.erased === null ? {} : readObject(row.erased);
  return Object.assign(event, { salts: splitSalts(event, row.salts ?? ''), erased });
}

function splitSalts(event: AuditEvent, salts: string): ByField {
  const byField: Partial<Record<PersonalField, string>> = {};
  for (const [n, field] of personalFieldsOf(event).entries())
    byField[field] = salts.slice(n * saltLength, (n + 1) * saltLength);
  return byField;
}

/** JSON that was damaged by hand shows as altered, and does not prevent reading the rest. */
function readObject(json: string): Record<string, never> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value as Record<string, never>;
  } catch {
    // Falls through.
  }
  return { unreadable: json as never };
}
