// The filters that all views of the audit trail share.
import { isIP } from 'node:net';
import { plainAddress } from '../../addresses.ts';
import { idLengthMax } from '../../domain/claims.ts';
import type { EventFilter } from '../../domain/listings.ts';
import { isReason } from '../../domain/reasons.ts';
import { actorKinds, auditActions, isWordOf } from '../../domain/vocabulary.ts';
import { badParameter } from '../../wire/refusal.ts';
import { problemOfId, type Query, readInterval } from '../reading/query.ts';
import { isRequestId } from '../secrecy.ts';

interface Filter {
  readonly member: keyof EventFilter;
  /** Undefined: nothing is wrong with it. */
  readonly problemOf: (text: string) => string | undefined;
  /** The value as the trail writes it. */
  readonly plain?: (text: string) => string;
}

function idFilter(member: keyof EventFilter): Filter {
  return { member, problemOf: (text) => problemOfId(text, idLengthMax) };
}

function patternFilter(
  member: keyof EventFilter,
  isValid: (text: string) => boolean,
  problem: string,
): Filter {
  return { member, problemOf: (text) => (isValid(text) ? undefined : problem) };
}

const textFilters: Readonly<Record<string, Filter>> = {
  user_id: idFilter('userId'),
  client_id: idFilter('clientId'),
  session_id: idFilter('sessionId'),
  token_ref: patternFilter(
    'tokenRef',
    (text) => /^[0-9a-f]{16}$/.test(text),
    'must be the first 16 hex digits of the digest of a token',
  ),
  action: patternFilter(
    'action',
    (text) => isWordOf(auditActions, text),
    'is not an action of the audit trail',
  ),
  reason: patternFilter('reason', isReason, 'is not a reason code'),
  actor_kind: patternFilter(
    'actorKind',
    (text) => isWordOf(actorKinds, text),
    `must be one of: ${actorKinds.join(', ')}`,
  ),
  actor_id: idFilter('actorId'),
  ip: { ...patternFilter('ip', (text) => isIP(text) !== 0, 'is not an IP address'), plain: plainAddress },
  request_id: patternFilter('requestId', isRequestId, 'has the wrong form'),
};

export const eventFilterNames: readonly string[] = [...Object.keys(textFilters), 'from', 'to'];

/** Refuses what is malformed, by name. */
export function readEventFilter(query: Query): Omit<EventFilter, 'through'> {
  const filter: Partial<Record<keyof EventFilter, string | number>> = {};
  for (const [name, { member, problemOf, plain }] of Object.entries(textFilters)) {
    const text = query.get(name);
    if (text === undefined) continue;
    const problem = text === '' ? 'is empty' : problemOf(text);
    if (problem !== undefined) throw badParameter(name, problem);
    filter[member] = plain ? plain(text) : text;
  }
  return { ...filter, ...readInterval(query) } as Omit<EventFilter, 'through'>;
}
