// Reading the audit trail is itself written down, once per query, before anything of it is shown.
import { type AuditEvent, eventOf, type Origin } from '../audit.ts';
import type { EventFilter } from '../listings.ts';
import { recordEvents, type Store } from '../store.ts';

/**
 * The personal filters. The event names the user and session looked for; of the others it says only that they were
 * used.
 */
const personal: readonly string[] = ['userId', 'sessionId', 'ip', 'actorId'] satisfies (keyof EventFilter)[];
const times: readonly string[] = ['from', 'to'] satisfies (keyof EventFilter)[];

export async function recordReading(
  store: Store,
  origin: Origin,
  action: 'audit_read' | 'audit_exported',
  filter: Partial<EventFilter>,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { through: _, ...asked } = filter;
  const filters = Object.fromEntries(
    Object.entries(asked).map(([name, value]) => [wireNameOf(name), shownOf(name, value)]),
  );
  const event = eventOf(origin, action, {
    userId: filter.userId ?? null,
    sessionId: filter.sessionId ?? null,
    clientId: origin.actor.kind === 'client' ? origin.actor.id : null,
    metadata: { ...details, filters },
  });
  await recordEvents(store, [event]);
}

const eventsAtOnce = 100;

/**
 * Records the reading of many pages once; each page shows by the event's number and its `walk` that it belongs to it.
 * Resolves to the number, found by `walk`, as nobody else writes this one. Among all events since, which are few: a
 * search by their action could go through the whole trail.
 */
export async function recordWalk(
  store: Store,
  origin: Origin,
  filter: Partial<EventFilter>,
  details: Readonly<Record<string, unknown>> & { readonly walk: string },
): Promise<number> {
  let after = await store.findEventHead();
  await recordReading(store, origin, 'audit_read', filter, details);
  const all = { through: Number.MAX_SAFE_INTEGER };
  for (;;) {
    const events = await store.listEventsAfter(all, after, eventsAtOnce);
    const own = events.find((event) => isReadingOf(event, details.walk));
    if (own) return own.seq;
    const last = events.at(-1);
    if (!last) throw new Error('the event of a reading is gone as soon as it was written');
    after = last.seq;
  }
}

export function isReadingOf({ action, metadata }: AuditEvent, walk: string): boolean {
  return action === 'audit_read' && metadata.walk === walk;
}

/** The filter's name as a query parameter. */
function wireNameOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function shownOf(name: string, value: unknown): unknown {
  if (personal.includes(name)) return true;
  return times.includes(name) ? new Date(value as number).toISOString() : value;
}
