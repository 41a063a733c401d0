// The part of an audit event that enters the Merkle tree. Members that say something about a person enter as salted
// commitments only: value and salt can be deleted later without changing the tree. The format is frozen: seals that
// have left this machine depend on every byte of it.
import { hash } from 'node:crypto';
import type { AuditEvent } from '../audit.ts';
import { canonicalJson } from './canonical-json.ts';
import { leafHash } from './merkle.ts';

/**
 * A session id names one login of one person, and is personal like the user id. A token_ref is the digest
 * of a random value and leads to nobody once the token's row is gone.
 */
export const personalFields = [
  'user_id',
  'actor_id',
  'session_id',
  'ip',
  'user_agent',
  'reason_text',
  'metadata',
] as const;
export type PersonalField = (typeof personalFields)[number];
export type ByField = Partial<Readonly<Record<PersonalField, string>>>;

interface Proof {
  /** One random salt for every personal member that is there. */
  readonly salts: ByField;
  /** The commitments of members that were erased. */
  readonly erased: ByField;
}

/** An event with what it takes to check it. */
export interface RecordedEvent extends AuditEvent, Proof {}

const formatName = 'audit-event/1';
export const saltLength = 22;

/** The committed text of a personal member; null when there is nothing to commit to. */
function personalText(event: AuditEvent, field: PersonalField): string | null {
  switch (field) {
    case 'user_id':
      return event.userId;
    case 'actor_id':
      return event.actor.kind === 'user' ? event.actor.id : null;
    case 'session_id':
      return event.sessionId;
    case 'ip':
      return event.ip;
    case 'user_agent':
      return event.userAgent;
    case 'reason_text':
      return event.reasonText;
    case 'metadata':
      return hasMembers(event.metadata) ? canonicalJson(event.metadata) : null;
    default:
      return field satisfies never;
  }
}

function hasMembers(object: object): boolean {
  return Object.keys(object).length > 0;
}

/** The personal members that this event has, in their fixed order. */
export function personalFieldsOf(event: AuditEvent): PersonalField[] {
  return personalFields.filter((field) =>
    // Whether there is metadata can be told without serialising it.
    field === 'metadata' ? hasMembers(event.metadata) : personalText(event, field) !== null,
  );
}

/** True if each member that it lists as erased is a personal one, and is indeed absent: the leaf alone shows neither. */
export function lacksWhatWasErased(event: RecordedEvent): boolean {
  const isLacking = (field: string) =>
    personalFields.some((known) => known === field) &&
    !personalFieldsOf(event).some((there) => there === field);
  return Object.entries(event.erased).every(([field, text]) => typeof text === 'string' && isLacking(field));
}

/** base64url of SHA-256 over `<salt>.<field>.<value>`; the salt is 16 random bytes in base64url. */
function commitment(salt: string, field: PersonalField, text: string): string {
  return hash('sha256', `${salt}.${field}.${text}`, 'base64url');
}

/** The commitments of all personal members, erased ones included. */
export function commitmentsOf(event: RecordedEvent): ByField {
  return commitmentsWith(event, event);
}

function commitmentsWith(event: AuditEvent, { salts, erased }: Proof): ByField {
  const commitments: Partial<Record<PersonalField, string>> = {};
  for (const field of personalFields) {
    const text = personalText(event, field);
    const known = text === null ? erased[field] : commitment(salts[field] ?? '', field, text);
    if (known !== undefined) commitments[field] = known;
  }
  return commitments;
}

/** The leaf hash of an event: of a JSON array of its members in a fixed order. */
export function leafOf(event: RecordedEvent): Buffer {
  return leafWith(event, event);
}

/** The same for an event that already has its salts and commitments: nothing is copied. */
export function leafWith(event: AuditEvent, proof: Proof): Buffer {
  const commitments = commitmentsWith(event, proof);
  return leafHash(
    JSON.stringify([
      formatName,
      event.seq,
      event.at,
      event.action,
      event.reason,
      event.actor.kind,
      event.actor.kind === 'user' ? null : event.actor.id,
      event.channel,
      event.clientId,
      event.tokenRef,
      event.requestId,
      event.count,
      ...personalFields.map((field) => commitments[field] ?? null),
    ]),
  );
}
