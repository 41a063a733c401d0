// The filters that all views of the audit trail share.
import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import type { EventFilter } from '../domain/store.ts';
import { auditActions, reasons } from '../domain/vocabulary.ts';
import { idLengthMax } from './members.ts';
import { type Query, readTime } from './query.ts';
import { badParameter } from './refusal.ts';

const actorKinds = ['client', 'user', 'operator', 'system'];
const isId = (text: string) => text.length <= idLengthMax && !/\p{Cc}/u.test(text);

interface Filter {
  readonly member: keyof EventFilter;
  readonly isValid: (text: string) => boolean;
  readonly problem: string;
}

const idProblem = `must be 1 to ${idLengthMax} characters, without control characters`;
const textFilters: Readonly<Record<string, Filter>> = {
  user_id: { member: 'userId', isValid: isId, problem: idProblem },
  client_id: { member: 'clientId', isValid: isId, problem: idProblem },
  session_id: { member: 'sessionId', isValid: isId, problem: idProblem },
  token_ref: {
    member: 'tokenRef',
    isValid: (text) => /^[0-9a-f]{16}$/.test(text),
    problem: 'must be the first 16 hex digits of the digest of a token',
  },
  action: {
    member: 'action',
    isValid: (text) => (auditActions as readonly string[]).includes(text),
    problem: 'is not an action of the audit trail',
  },
  reason: {
    member: 'reason',
    isValid: (text) => (reasons as readonly string[]).includes(text),
    problem: 'is not a reason code',
  },
  actor_kind: {
    member: 'actorKind',
    isValid: (text) => actorKinds.includes(text),
    problem: `must be one of: ${actorKinds.join(', ')}`,
  },
  actor_id: { member: 'actorId', isValid: isId, problem: idProblem },
  ip: { member: 'ip', isValid: (text) => isIP(text) !== 0, problem: 'is no IP address' },
  request_id: {
    member: 'requestId',
    isValid: (text) => /^[A-Za-z0-9._-]{1,64}$/.test(text),
    problem: 'has the wrong form',
  },
};

export const filterNames: readonly string[] = [...Object.keys(textFilters), 'from', 'to'];

/** Refuses what is malformed, by name. */
export function readFilter(query: Query): Omit<EventFilter, 'below'> {
  const filter: Partial<Record<keyof EventFilter, string | number>> = {};
  for (const [name, { member, isValid, problem }] of Object.entries(textFilters)) {
    const text = query.get(name);
    if (text === undefined) continue;
    if (text === '' || !isValid(text)) throw badParameter(name, problem);
    filter[member] = text;
  }
  const [from, to] = [readTime(query, 'from'), readTime(query, 'to')];
  if (from !== undefined && to !== undefined && to < from) throw badParameter('to', 'is before from');
  if (from !== undefined) filter.from = from;
  if (to !== undefined) filter.to = to;
  return filter as Omit<EventFilter, 'below'>;
}

/** A cursor belongs to the query it was given out under. */
export function fingerprintOf(query: Query, names: readonly string[]): string {
  const text = JSON.stringify(names.map((name) => query.get(name) ?? null));
  return hash('sha256', text, 'base64url').slice(0, 16);
}
