// GET /v1/audit/events and /{id}: the audit trail, newest or oldest first. Reading it is written into it,
// once per walk.
import { toWire } from '../domain/audit-record.ts';
import { recordReading } from '../domain/read-trail.ts';
import type { Store } from '../domain/store.ts';
import { filterNames, readFilter } from './audit-query.ts';
import type { ClientAuth } from './client-auth.ts';
import { type Context, originOf } from './context.ts';
import {
  badCursor,
  fingerprintOf,
  type Query,
  readCursor,
  readLimit,
  readQuery,
  respondPage,
} from './query.ts';
import { badParameter, Refusal } from './refusal.ts';
import { respond } from './respond.ts';

export interface AuditParts {
  readonly store: Store;
  readonly auth: ClientAuth;
}

const names = [...filterNames, 'order'];

interface Position {
  /** The walk ends where the trail ended when it began: it never chases what is being written. */
  readonly below: number;
  /** The last event seen. */
  readonly seen: number;
}

export function handleListEvents({ store, auth }: AuditParts) {
  return async function listEvents(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    const query = readQuery(ctx, [...names, 'limit', 'cursor']);
    const limit = readLimit(query);
    const filter = readFilter(query);
    const oldestFirst = readOrder(query) === 'oldest';
    const { below, seen } = readPosition(query, oldestFirst) ?? (await begin());
    const events = oldestFirst
      ? await store.listEventsAfter({ ...filter, below }, seen, limit + 1)
      : await store.listEvents({ ...filter, below }, seen, limit + 1);
    const walk = fingerprintOf(query, names);
    respondPage(ctx, events, limit, ({ seq }) => [below, seq, walk], toWire);

    async function begin(): Promise<Position> {
      const head = await store.findEventHead();
      await recordReading(store, originOf(ctx, caller.actor), 'audit_read', filter, { view: 'events' });
      return { below: head, seen: oldestFirst ? 0 : head + 1 };
    }
  };
}

export function handleShowEvent({ store, auth }: AuditParts) {
  return async function showEvent(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    readQuery(ctx, []);
    const { id = '' } = ctx.params as { id?: string };
    const seq = /^[1-9][0-9]{0,14}$/.test(id) ? Number(id) : 0;
    const event = seq === 0 ? undefined : await store.findEvent(seq);
    if (!event) throw new Refusal('not_found', 'there is no such event');
    const origin = originOf(ctx, caller.actor);
    await recordReading(store, origin, 'audit_read', {}, { view: 'event', id });
    respond(ctx, 200, toWire(event));
  };
}

function readOrder(query: Query): 'newest' | 'oldest' {
  const order = query.get('order') ?? 'newest';
  if (order !== 'newest' && order !== 'oldest') throw badParameter('order', 'must be newest or oldest');
  return order;
}

function readPosition(query: Query, oldestFirst: boolean): Position | undefined {
  const position = readCursor(query);
  if (!position) return undefined;
  const [below, seen, ofQuery] = position as [number, number, unknown];
  const isWhole = Number.isSafeInteger(below) && Number.isSafeInteger(seen);
  const isInside = seen >= 1 && seen <= (oldestFirst ? below : below + 1);
  if (!isWhole || !isInside || ofQuery !== fingerprintOf(query, names)) throw badCursor();
  return { below, seen };
}
