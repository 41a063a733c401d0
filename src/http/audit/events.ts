// GET /v1/audit/events and /{id}: the audit trail, newest or oldest first. Reading it is written into it,
// once per walk.
import { hash, randomBytes } from 'node:crypto';
import type { Actor } from '../../domain/audit.ts';
import type { Store } from '../../domain/store.ts';
import { eventToWire } from '../../domain/trail/audit-record.ts';
import { isReadingOf, recordReading, recordWalk } from '../../domain/trail/record-reading.ts';
import { badParameter, Refusal } from '../../wire/refusal.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { badCursor, type Query, readCursor, readLimit, readQuery, respondPage } from '../reading/query.ts';
import { respond } from '../respond.ts';
import { eventFilterNames, readEventFilter } from './event-filter.ts';

export interface AuditParts {
  readonly store: Store;
  readonly auth: ClientAuth;
}

const names = [...eventFilterNames, 'order'];
const keyBytes = 16;

interface Position {
  /** Number of the walk's `audit_read` event. The walk ends before it, so it never chases events being written. */
  readonly reading: number;
  /** The last event seen. */
  readonly seen: number;
  /**
   * A random key, known only from the walk's cursors. The event holds a digest of key and query, which does not
   * reveal who was looked for.
   */
  readonly key: string;
}

export function handleListEvents({ store, auth }: AuditParts) {
  return async function listEvents(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    const query = readQuery(ctx, [...names, 'limit', 'cursor']);
    const limit = readLimit(query);
    const filter = readEventFilter(query);
    const oldestFirst = readOrder(query) === 'oldest';
    const { reading, seen, key } = (await goOn()) ?? (await begin());
    const within = { ...filter, through: reading - 1 };
    const events = oldestFirst
      ? await store.listEventsAfter(within, seen, limit + 1)
      : await store.listEvents(within, seen, limit + 1);
    respondPage(ctx, events, limit, ({ seq }) => [reading, seq, key], eventToWire);

    async function begin(): Promise<Position> {
      const key = randomBytes(keyBytes).toString('base64url');
      const walk = walkOf(key, caller.actor, query);
      const reading = await recordWalk(store, originOf(ctx, caller.actor), filter, { view: 'events', walk });
      return { reading, seen: oldestFirst ? 0 : reading, key };
    }

    /** Nothing is read that is not on record: a cursor must name a reading by the same caller with the same query. */
    async function goOn(): Promise<Position | undefined> {
      const position = readPosition(query);
      if (!position) return undefined;
      const event = await store.findEvent(position.reading);
      if (!event || 'metadata' in event.erased)
        throw badParameter('cursor', 'names no reading that is still on record; begin again without it');
      if (!isReadingOf(event, walkOf(position.key, caller.actor, query))) throw badCursor();
      return position;
    }
  };
}

export function handleShowEvent({ store, auth }: AuditParts) {
  return async function showEvent(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    readQuery(ctx, []);
    const { id = '' } = ctx.params as { id?: string };
    const event = /^[1-9]\d{0,14}$/.test(id) ? await store.findEvent(Number(id)) : undefined;
    if (!event) throw new Refusal('not_found', 'there is no such event');
    const origin = originOf(ctx, caller.actor);
    await recordReading(store, origin, 'audit_read', {}, { view: 'event', id });
    respond(ctx, 200, eventToWire(event));
  };
}

function readOrder(query: Query): 'newest' | 'oldest' {
  const order = query.get('order') ?? 'newest';
  if (order !== 'newest' && order !== 'oldest') throw badParameter('order', 'must be newest or oldest');
  return order;
}

function readPosition(query: Query): Position | undefined {
  const position = readCursor(query);
  if (!position) return undefined;
  const [reading, seen, key] = position;
  const isInside = isSeq(reading) && isSeq(seen) && seen <= reading;
  if (!isInside || typeof key !== 'string') throw badCursor();
  return { reading, seen, key };
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** Digest that ties a walk to its caller and query. */
function walkOf(key: string, actor: Actor, query: Query): string {
  const text = JSON.stringify([key, actor.kind, actor.id, ...names.map((name) => query.get(name) ?? null)]);
  return hash('sha256', text, 'base64url');
}
