// Subject identifiers (RFC 9493): whom a message of an inbox names, among the users and sessions of the issuers that the
// inbox governs.
import { isId } from '../claims.ts';
import type { Inbox } from '../records/issuers.ts';
import type { Target } from '../targets.ts';
import { isObject } from '../values/json-values.ts';

export type SubjectNamed =
  | { readonly status: 'named'; readonly targets: readonly Target[] }
  | { readonly status: 'not_governed' | 'not_mapped' | 'malformed' };

type Identifier = Readonly<Record<string, unknown>>;

/** A complex subject of CAEP names a session or else a user. */
export function nameSubject(inbox: Inbox, id: unknown): SubjectNamed {
  if (!isObject(id)) return { status: 'malformed' };
  const { session, user } = id;
  if (isObject(session)) return nameSession(inbox, session, isObject(user) ? user : {});
  return nameUser(inbox, isObject(user) ? user : id);
}

/**
 * All members must match (OpenID Shared Signals Framework 1.0, complex subjects): if the session or its user names an
 * issuer, no session of another issuer is ended.
 */
function nameSession({ governs }: Inbox, { id, iss }: Identifier, user: Identifier): SubjectNamed {
  if (!isId(id)) return { status: 'malformed' };
  const named = [iss, user.iss].filter((name) => name !== undefined);
  const issuers = governs.filter((issuer) => named.every((name) => name === issuer));
  if (issuers.length === 0) return { status: 'not_governed' };
  return { status: 'named', targets: issuers.map((issuer) => ({ kind: 'session', issuer, id })) };
}

function nameUser({ governs, subjectFormats }: Inbox, identifier: Identifier): SubjectNamed {
  const inEach = (id: unknown): SubjectNamed =>
    isId(id)
      ? { status: 'named', targets: governs.map((issuer) => ({ kind: 'subject', issuer, id })) }
      : { status: 'malformed' };
  const format = identifier.format ?? identifier.subject_type;
  if (typeof format !== 'string') return { status: 'malformed' };
  switch (format.replace('-', '_')) {
    case 'iss_sub': {
      const { iss, sub } = identifier;
      if (!isId(iss) || !isId(sub)) return { status: 'malformed' };
      if (!governs.includes(iss)) return { status: 'not_governed' };
      return { status: 'named', targets: [{ kind: 'subject', issuer: iss, id: sub }] };
    }
    case 'opaque':
      return inEach(identifier.id);
    case 'email':
      return subjectFormats.includes('email') ? inEach(identifier.email) : { status: 'not_mapped' };
    case 'account':
      return subjectFormats.includes('account') ? inEach(identifier.uri) : { status: 'not_mapped' };
    default:
      return { status: 'malformed' };
  }
}
