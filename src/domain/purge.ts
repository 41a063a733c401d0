// Purging: deletes what can no longer change a verdict, and audit events that are older than the operator
// wants them and sealed. By one process, in small batches, and never without an event.
import { eventOf, type Origin } from './audit.ts';
import { dayMs, type Policy } from './policy.ts';
import { dueRows, endedSessionsKeptMs, purgeRules } from './purge-rules.ts';
import type { Store } from './store.ts';

/** Small enough that a request which waits for the writer behind a batch does not notice. */
const batchRows = 200;

export interface PurgePolicy extends Pick<Policy, 'lifetimeDaysMax'> {
  /** Null: audit events are kept forever. */
  readonly auditRetentionDays: number | null;
}

/** Rows by table. */
export type PurgeCounts = Readonly<Record<string, number>>;
export type OnPurged = (table: string, rows: number) => void;

/** One kind of rows to purge: how many are due, and a step that deletes some of them. */
interface Task {
  readonly name: string;
  count(): Promise<number>;
  step(): Promise<{ purged: number; isDone: boolean }>;
}

/** What a run at this moment would delete. */
export async function countPurgeable(store: Store, policy: PurgePolicy): Promise<PurgeCounts> {
  const counts: Record<string, number> = {};
  for (const task of await tasksOf(store, policy)) counts[task.name] = await task.count();
  return counts;
}

/** Resolves to what was deleted; undefined when another process is purging. */
export function purge(
  store: Store,
  policy: PurgePolicy,
  origin: Origin,
  onPurged: OnPurged = () => {},
): Promise<PurgeCounts | undefined> {
  return store.upkeep.exclusively('purge', async () => {
    const counts: Record<string, number> = {};
    for (const task of await tasksOf(store, policy)) {
      counts[task.name] = 0;
      for (let isDone = false; !isDone; ) {
        const step = await task.step();
        counts[task.name] = (counts[task.name] ?? 0) + step.purged;
        onPurged(task.name, step.purged);
        isDone = step.isDone;
      }
    }
    const through = await purgeEvents(store, policy, origin, counts, onPurged);
    await record(store, origin, { rows: counts, ...(through > 0 && { audit_events_through: through }) });
    await store.upkeep.remember('purge_succeeded_at', await nowOf(store));
    return counts;
  });
}

async function tasksOf(store: Store, policy: PurgePolicy): Promise<Task[]> {
  const { upkeep } = store;
  const now = await nowOf(store);
  const byRule = purgeRules.map((rule): Task => {
    const rows = dueRows(rule, now, policy);
    return {
      name: rule.table,
      count: () => upkeep.countDue(rows),
      step: async () => {
        const purged = await upkeep.purgeDue(rows, batchRows);
        return { purged, isDone: purged < batchRows };
      },
    };
  });
  const endedBefore = now - endedSessionsKeptMs;
  const ended: Task = {
    name: 'ended_sessions',
    count: () => upkeep.countEndedSessions(endedBefore),
    step: () => upkeep.purgeEndedSessions(endedBefore, batchRows),
  };
  const through = await eventsDue(store, policy);
  const events: Task = {
    name: 'audit_events',
    count: async () => (through === 0 ? 0 : upkeep.countEventsThrough(through)),
    step: async () => ({ purged: 0, isDone: true }),
  };
  return [...byRule, ended, events];
}

/** The last event of the ranges that are sealed and older than the retention; 0 when there is none. */
async function eventsDue(store: Store, { auditRetentionDays }: PurgePolicy): Promise<number> {
  if (auditRetentionDays === null) return 0;
  return store.upkeep.findSealedBefore((await nowOf(store)) - auditRetentionDays * dayMs);
}

/**
 * Events go in whole sealed ranges, from the oldest. That they go is written before they do: the verifier
 * takes no gap for a purge that no event accounts for.
 */
async function purgeEvents(
  store: Store,
  policy: PurgePolicy,
  origin: Origin,
  counts: Record<string, number>,
  onPurged: OnPurged,
): Promise<number> {
  const through = await eventsDue(store, policy);
  const isDue = through > 0 && (await store.upkeep.countEventsThrough(through)) > 0;
  if (!isDue) return 0;
  await record(store, origin, { begins: true, audit_events_through: through });
  for (let purged = batchRows; purged === batchRows; ) {
    purged = await store.upkeep.purgeEventsThrough(through, batchRows);
    counts.audit_events = (counts.audit_events ?? 0) + purged;
    onPurged('audit_events', purged);
  }
  return through;
}

function record(store: Store, origin: Origin, metadata: Readonly<Record<string, unknown>>): Promise<void> {
  const event = eventOf(origin, 'purge', { metadata });
  return store.write(() => ({ outcome: undefined, effects: { events: [event] } }));
}

function nowOf(store: Store): Promise<number> {
  return store.ask((_facts, now) => now);
}
