// An audit event as JSON: what the API answers, what an export holds, and how the verifier reads it back.
import { isDeepStrictEqual } from 'node:util';
import type { AuditEvent } from '../audit.ts';
import { isObject } from '../values/json-values.ts';
import { type ByField, type PersonalField, personalFields, type RecordedEvent } from './audit-leaf.ts';

/** The event as the API shows it; `erased` names the members whose values were deleted. */
export function eventToWire(event: RecordedEvent): Record<string, unknown> {
  const erased = Object.keys(event.erased);
  const wire = {
    id: String(event.seq),
    time: new Date(event.at).toISOString(),
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
  return erased.length === 0 ? wire : { ...wire, erased };
}

/** The event with its salts, or the commitments that erasing left: enough to check it offline. */
export function eventToRecord(event: RecordedEvent): Record<string, unknown> {
  return Object.assign(eventToWire(event), { proof: { salts: event.salts, commitments: event.erased } });
}

export class UnreadableRecord extends Error {
  override readonly name = 'UnreadableRecord';
}

/** Reads what `eventToRecord` wrote, and nothing beside it, which no leaf would show to be altered. */
export function eventFromRecord(value: unknown): RecordedEvent {
  const record = asObject(value);
  const proof = asObject(record.proof);
  const actor = asObject(record.actor);
  const seq = Number(record.id);
  const at = Date.parse(String(record.time));
  if (!Number.isSafeInteger(seq) || Number.isNaN(at)) throw new UnreadableRecord('it has no id or no time');
  const event: RecordedEvent = {
    seq,
    at,
    action: record.action as AuditEvent['action'],
    reason: textOf(record.reason),
    reasonText: textOf(record.reason_text),
    actor: { kind: actor.kind as AuditEvent['actor']['kind'], id: textOf(actor.id) },
    channel: record.channel as AuditEvent['channel'],
    userId: textOf(record.user_id),
    clientId: textOf(record.client_id),
    sessionId: textOf(record.session_id),
    tokenRef: textOf(record.token_ref),
    ip: textOf(record.ip),
    userAgent: textOf(record.user_agent),
    requestId: textOf(record.request_id),
    count: Number(record.count),
    metadata: asObject(record.metadata),
    salts: byFieldOf(proof.salts, saltForm),
    erased: byFieldOf(proof.commitments, commitmentForm),
  };
  const { proof: _, ...wire } = record;
  if (isDeepStrictEqual(eventToWire(event), wire)) return event;
  throw new UnreadableRecord(`event ${seq} has other members, or in another form, than an export gives it`);
}

function asObject(value: unknown): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new UnreadableRecord('it is not an event with its proof, as an NDJSON export has them');
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/**
 * Whatever else stands in its place counts as missing: a salt may not have a dot, or it could hold the beginning of a
 * value, of which then only the rest were shown.
 */
const saltForm = /^[\w-]{22}$/;
const commitmentForm = /^[\w-]{43}$/;

function byFieldOf(value: unknown, form: RegExp): ByField {
  const found: Partial<Record<PersonalField, string>> = {};
  const given = asObject(value);
  for (const field of personalFields) {
    const text = given[field];
    if (typeof text === 'string' && form.test(text)) found[field] = text;
  }
  return found;
}
