// A user's sessions, as a page that lists their devices needs them: which are alive, and ending one of them.
import { eventOf, type NewEvent } from '../audit.ts';
import type { Cause } from '../cutoffs.ts';
import { isSessionLiving } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Session } from '../sessions.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { sessionTarget } from '../targets.ts';
import { plainText } from '../values/plain-text.ts';
import { decideRevocation, orderOf } from './revoke-target.ts';

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
    const { outcome, effects } = decideRevocation(facts, now, policy, order);
    // The event names the session's user.
    const events = effects.events?.map((event) => ({
      ...event,
      userId: session.subject,
      clientId: session.clientId,
    }));
    const status = wasLiving ? 'ended' : 'already_ended';
    return {
      outcome: (seqs) => {
        const made = typeof outcome === 'function' ? outcome(seqs) : outcome;
        const { seq = 0, safeIatAfter = null } = 'seq' in made ? made : {};
        return { status, seq, safeIatAfter };
      },
      effects: { ...effects, ...(events && { events }) },
    };
  });
}

/** Sessions per question: a page of 1000 takes ten places in the queue, not 1000. */
const devicesPerQuestion = 100;

export interface Device {
  readonly session: Session;
  readonly active: boolean;
}

/** Which of these sessions still have a token that is alive? */
export async function describeDevices(store: Store, sessions: readonly Session[]): Promise<Device[]> {
  const devices: Device[] = [];
  for (let from = 0; from < sessions.length; from += devicesPerQuestion) {
    const some = sessions.slice(from, from + devicesPerQuestion);
    const asked = (facts: Facts, now: number) =>
      facts.each(some, (session) => ({ session, active: isSessionLiving(facts, session, now) }));
    devices.push(...(await store.ask(asked, 'bulk')));
  }
  return devices;
}

/** The unknown id is recorded only if it does not look like a token pasted into the wrong field. */
function unknownSession(id: string, { origin, reason, reasonText }: Cause): NewEvent {
  const sessionId = plainText(id, id.length) === id ? id : null;
  return eventOf(origin, 'session_end', { sessionId, reason, reasonText, metadata: { not_found: true } });
}
