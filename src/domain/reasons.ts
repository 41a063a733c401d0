// Why something is revoked: the codes, who may give which, and what follows from it. Everything else a
// caller says is kept as free text beside a code.
import { isWordOf, type Reason, reasons } from './vocabulary.ts';

/**
 * Who may give a reason: `anyone` who may revoke at all (/revoke and /logout included), `operators` at /v1 and on the
 * command line, or only the `server` itself, whose rules depend on it.
 */
type ReasonGiver = 'anyone' | 'operators' | 'server';

export interface ReasonRule {
  readonly givenBy: ReasonGiver;
  readonly means: string;
  /** What it usually ends; the target of the revocation decides. */
  readonly ends: string;
}

/** The whole vocabulary on one page; docs/revocations.md and `revoke --help` show it. */
export const reasonRules: Readonly<Record<Reason, ReasonRule>> = {
  client_request: {
    givenBy: 'anyone',
    means: 'a client revoked its own token and gave no other reason',
    ends: 'token, its grant',
  },
  user_initiated_logout: {
    givenBy: 'anyone',
    means: 'an app logged its user out',
    ends: 'token, grant, session; subject for scope all',
  },
  user_logout: {
    givenBy: 'anyone',
    means: 'the user ended a session, for instance on a list of devices',
    ends: 'session',
  },
  password_reset: {
    givenBy: 'anyone',
    means: 'the user has a new password; older logins end',
    ends: 'subject',
  },
  credential_compromise: {
    givenBy: 'anyone',
    means: 'a token, password or client secret is in the wrong hands',
    ends: 'token, grant, subject, client',
  },
  key_compromise: {
    givenBy: 'operators',
    means: 'a signing key is in the wrong hands',
    ends: 'key, issuer',
  },
  offboarding: {
    givenBy: 'operators',
    means: 'a person or client has left',
    ends: 'subject, client',
  },
  policy: { givenBy: 'operators', means: 'a rule of the house asks for it', ends: 'any' },
  admin: {
    givenBy: 'operators',
    means: 'an operator decided; the free text says why',
    ends: 'any',
  },
  identity_provider: {
    givenBy: 'server',
    means: 'another system signalled it through an inbox',
    ends: 'session, subject',
  },
  superseded: {
    givenBy: 'server',
    means: 'rotation replaced the refresh token; presented again it is reuse',
    ends: 'token',
  },
  erased: {
    givenBy: 'server',
    means: 'the dead token of a person who was erased: its own row is gone',
    ends: 'token',
  },
  reuse_detected: {
    givenBy: 'server',
    means: 'a superseded refresh token came back: it or its successor was stolen',
    ends: 'grant',
  },
};

export function isReason(text: string): text is Reason {
  return isWordOf(reasons, text);
}

/** Is this a code that such a caller may give? */
export function isCallerReason(text: string, caller: 'anyone' | 'operators'): text is Reason {
  if (!isReason(text)) return false;
  const { givenBy } = reasonRules[text];
  return givenBy === 'anyone' || givenBy === caller;
}
