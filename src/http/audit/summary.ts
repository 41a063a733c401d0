// GET /v1/audit/summary: how often what happened, by hour or day, for charts.
import { recordReading } from '../../domain/trail/record-reading.ts';
import { dayMs, hourMs } from '../../domain/values/durations.ts';
import { badParameter } from '../../wire/refusal.ts';
import { timeOf, yearZero } from '../../wire/time.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { readQuery } from '../reading/query.ts';
import { respond } from '../respond.ts';
import { eventFilterNames, readEventFilter } from './event-filter.ts';
import type { AuditParts } from './events.ts';

/** `max`: how many one answer covers at most, a month of hours or three years of days; `usual`: by default. */
const intervals = {
  hour: { ms: hourMs, max: 31 * 24, usual: 24 },
  day: { ms: dayMs, max: 3 * 366, usual: 30 },
};
/** Rows of one answer, far more than a trail usually has: of what is beyond, the latest is left out. */
const rowsMax = 100_000;

export function handleSummary({ store, auth, now }: AuditParts & { readonly now: () => number }) {
  return async function summarise(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    const query = readQuery(ctx, [...eventFilterNames, 'interval']);
    const interval = query.get('interval') ?? 'day';
    if (interval !== 'hour' && interval !== 'day') throw badParameter('interval', 'must be hour or day');
    const given = readEventFilter(query);
    const { ms, max, usual } = intervals[interval];
    const to = given.to ?? Math.max(now() + 1, given.from ?? 0);
    const from = given.from ?? Math.max(yearZero, (Math.ceil(to / ms) - usual) * ms);
    if (to - from > max * ms) throw badParameter('from', `is over ${max} intervals before to`);
    const through = await store.findEventHead();
    const origin = originOf(ctx, caller.actor);
    await recordReading(store, origin, 'audit_read', given, { view: 'summary', interval });
    const counts = await store.countEvents({ ...given, from, to, through }, ms, rowsMax);
    const items = counts.map(({ at, ...count }) => ({ time: timeOf(at), ...count }));
    respond(ctx, 200, { interval, from: timeOf(from), to: timeOf(to), items });
  };
}
