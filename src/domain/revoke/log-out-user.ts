// Logging a user out by id alone, without any of their tokens: for clients that may revoke anything.
import { eventOf } from '../audit.ts';
import { type Cause, cutoffForName, safeIatAfter } from '../cutoffs.ts';
import { countLivingSessions } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import type { Store } from '../store.ts';
import type { Target } from '../targets.ts';
import type { LoggedOut } from './log-out.ts';

export interface LogoutUserRequest extends Cause {
  readonly issuer: string;
  readonly userId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Logs a user of one issuer out everywhere, at the request of a caller that may revoke anything. */
export async function logOutUser(
  store: Store,
  policy: Policy,
  request: LogoutUserRequest,
): Promise<LoggedOut> {
  return store.write((facts, now) => {
    const { issuer, userId, reason, reasonText, metadata, origin } = request;
    const subject: Target = { kind: 'subject', issuer, id: userId };
    const sessionsEnded = countLivingSessions(facts, facts.sessionsOf(issuer, userId), now);
    return {
      outcome: (seqs) => ({
        status: 'logged_out',
        scope: 'all',
        userId,
        revokedAt: now,
        sessionsEnded,
        safeIatAfter: safeIatAfter(now),
        seq: Math.max(...seqs),
      }),
      effects: {
        revocations: [cutoffForName(subject, request, now, policy)],
        events: [
          eventOf(origin, 'logout', {
            userId,
            reason,
            reasonText,
            metadata: { ...metadata, scope: 'all', issuer },
          }),
        ],
      },
    };
  });
}
