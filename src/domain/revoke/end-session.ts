// Ending one session of a user, as a page that lists their devices does.
import { eventOf, type NewEvent } from '../audit.ts';
import type { Cause } from '../cutoffs.ts';
import { isSessionLiving } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import { type Decision, outcomeOf, type Store } from '../store.ts';
import { sessionTarget } from '../targets.ts';
import { plainText } from '../values/plain-text.ts';
import { decideRevocation, orderOf, type TargetEnded } from './revoke-target.ts';

export type SessionEnded =
  | {
      readonly status: 'ended' | 'already_ended';
      readonly seq: number;
      /** Seconds: the first `iat` that survives, where the session's id comes back across logins; else null. */
      readonly safeIatAfter: number | null;
    }
  | { readonly status: 'not_found' };

/** `issuers`: those whose sessions the caller may end; null: all. */
export async function endSession(
  store: Store,
  policy: Policy,
  sessionId: string,
  issuers: readonly string[] | null,
  cause: Cause,
): Promise<SessionEnded> {
  return store.write((facts, now): Decision<SessionEnded> => {
    const session = facts.session(sessionId);
    if (!session || (issuers !== null && !issuers.includes(session.issuer)))
      return { outcome: { status: 'not_found' }, effects: { events: [unknownSession(sessionId, cause)] } };
    const wasLiving = isSessionLiving(facts, session, now);
    const metadata = wasLiving ? {} : { already_ended: true };
    const order = orderOf(sessionTarget(session), cause, 'session_end', { metadata });
    const decided = decideRevocation(facts, now, policy, order);
    // The event names the session's user.
    const events = (decided.effects.events ?? []).map((event) => ({
      ...event,
      userId: session.subject,
      clientId: session.clientId,
    }));
    const status = wasLiving ? 'ended' : 'already_ended';
    return {
      outcome: (seqs) => {
        // Never refused, as the order names no time.
        const { seq, safeIatAfter } = outcomeOf(decided, seqs) as TargetEnded;
        return { status, seq, safeIatAfter };
      },
      effects: { ...decided.effects, events },
    };
  });
}

/** The unknown id is recorded only if it does not look like a token pasted into the wrong field. */
function unknownSession(id: string, { origin, reason, reasonText }: Cause): NewEvent {
  const sessionId = plainText(id, id.length) === id ? id : null;
  return eventOf(origin, 'session_end', { sessionId, reason, reasonText, metadata: { not_found: true } });
}
