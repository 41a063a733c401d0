// The table `audit_events`: append-only, in commit order. A reader that sees a sequence number has seen all below it,
// since decisions are taken one after another (commit.ts).
import type { Knex } from 'knex';
import type { NewEvent } from '../../domain/audit.ts';
import type { EventCount, EventFilter } from '../../domain/listings.ts';
import type { RecordedEvent } from '../../domain/trail/audit-leaf.ts';
import type { CheckedEvent } from '../../domain/trail/verify-trail.ts';
import { writesOf } from '../dialect.ts';
import { type EventRow, eventToRow, rowToEvent } from './audit-rows.ts';

export async function appendEvents(
  db: Knex,
  events: readonly NewEvent[],
  seqBefore: number,
  now: number,
): Promise<void> {
  const rows = events.map((event, n) => eventToRow({ seq: seqBefore + 1 + n, at: now, ...event }));
  await writesOf(db).insertMany('audit_events', rows);
}

const columnOf = {
  userId: 'user_id',
  clientId: 'client_id',
  sessionId: 'session_id',
  tokenRef: 'token_ref',
  action: 'action',
  reason: 'reason',
  actorKind: 'actor_kind',
  actorId: 'actor_id',
  ip: 'ip',
  requestId: 'request_id',
} as const satisfies Partial<Record<keyof EventFilter, keyof EventRow>>;

/** Whatever their numbers: `through` is left to the caller. */
function matching(db: Knex, filter: EventFilter): Knex.QueryBuilder<EventRow> {
  const query = db<EventRow>('audit_events');
  for (const [name, column] of Object.entries(columnOf)) {
    const value = filter[name as keyof typeof columnOf];
    if (value !== undefined) query.andWhere(column, value);
  }
  if (filter.from !== undefined) query.andWhere('at', '>=', filter.from);
  if (filter.to !== undefined) query.andWhere('at', '<', filter.to);
  return query;
}

function isSelective({ through: _, ...others }: EventFilter): boolean {
  return Object.values(others).some((value) => value !== undefined);
}

/** Newest first, below `before`. */
export async function listEvents(
  db: Knex,
  filter: EventFilter,
  before: number,
  limit: number,
): Promise<RecordedEvent[]> {
  const end = Math.min(before, filter.through + 1);
  const query = matching(db, filter).andWhere('seq', '<', end).orderBy('seq', 'desc').limit(limit);
  return ((await query) as EventRow[]).map(rowToEvent);
}

/**
 * Oldest first, above `after`. Where few match, the search must end at `through`. Where all do, it ends with the page anyway:
 * asked for what lies between two numbers, Postgres expects hardly any rows as long as it has no statistics, as after a
 * restore, and would read and sort all that is left of the trail for each page.
 */
export async function listEventsAfter(
  db: Knex,
  filter: EventFilter,
  after: number,
  limit: number,
): Promise<RecordedEvent[]> {
  const query = matching(db, filter).andWhere('seq', '>', after).orderBy('seq').limit(limit);
  if (isSelective(filter)) query.andWhere('seq', '<=', filter.through);
  const rows: EventRow[] = await query;
  return rows.filter(({ seq }) => seq <= filter.through).map(rowToEvent);
}

export async function findEvent(db: Knex, seq: number): Promise<RecordedEvent | undefined> {
  const row: EventRow | undefined = await db<EventRow>('audit_events').where('seq', seq).first();
  return row && rowToEvent(row);
}

/** For checking: events as they stand, each with the leaf that was stored beside it. */
export async function listStoredEvents(db: Knex, after: number, limit: number): Promise<CheckedEvent[]> {
  const rows: EventRow[] = await db<EventRow>('audit_events')
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit);
  return rows.map((row) => ({ event: rowToEvent(row), storedLeaf: row.leaf }));
}

/** For sealing and proofs. */
export async function listLeaves(db: Knex, first: number, last: number): Promise<Buffer[]> {
  const rows: { leaf: Buffer }[] = await db('audit_events')
    .where('seq', '>=', first)
    .andWhere('seq', '<=', last)
    .whereNotNull('leaf')
    .orderBy('seq')
    .select('leaf');
  return rows.map(({ leaf }) => leaf);
}

/** Occurrences by interval of time, action and reason; times are the beginnings of intervals. */
export async function countEvents(
  db: Knex,
  filter: EventFilter,
  intervalMs: number,
  limit: number,
): Promise<EventCount[]> {
  const rows: { bucket: number; action: string; reason: string | null; events: number; count: number }[] =
    await matching(db, filter)
      .andWhere('seq', '<=', filter.through)
      .select(db.raw('at / cast(? as bigint) as bucket', [intervalMs]), 'action', 'reason')
      .count({ events: '*' })
      .sum({ count: 'count' })
      .groupBy('bucket', 'action', 'reason')
      .orderBy(['bucket', 'action', { column: 'reason', nulls: 'first' }])
      .limit(limit);
  return rows.map(({ bucket: at, action, reason, events, count }) => ({
    at: Number(at) * intervalMs,
    action,
    reason,
    events: Number(events),
    count: Number(count),
  }));
}
