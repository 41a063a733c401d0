// A trail of events for benches: logouts of many users, each with everything that an event can hold.
import { eventOf, type NewEvent, systemOrigin } from '../../src/domain/audit.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { appendEvents } from '../../src/store/tables/audit-events.ts';
import { spread } from './fill.ts';
import { progress } from './progress.ts';

export const users = 20_000;
const step = 10_000;

function logoutOf(n: number): NewEvent {
  const user = `user-${spread(n, users)}`;
  const actor = { kind: 'user', id: user } as const;
  const origin = {
    ...systemOrigin,
    actor,
    ip: `192.0.2.${n % 250}`,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
  };
  const details = {
    userId: user,
    clientId: `client-${n % 50}`,
    sessionId: `session-${n}`,
    reason: 'user_logout',
  };
  return eventOf({ ...origin, requestId: `request-${n}` }, 'logout', {
    ...details,
    metadata: { scope: 'current' },
  });
}

/** Appends them as requests do: with their leaves, in commits of ten thousand. */
export async function appendLogouts(databaseUrl: string, count: number): Promise<void> {
  const db = dialectOf(databaseUrl).openWriter();
  const { event_seq: head } = await db('heads').first('event_seq');
  for (let from = 0; from < count; from += step) {
    const events = Array.from({ length: Math.min(step, count - from) }, (_, n) => logoutOf(from + n));
    await db.transaction(async (tx) => {
      await appendEvents(tx, events, head + from, Date.now());
      await tx('heads').update({ event_seq: head + from + events.length });
    });
    progress('appending events', from + events.length, count);
  }
  await db.destroy();
}
