// Purging: deletes rows that can no longer change a verdict, and sealed audit events older than the retention. One
// process at a time does it, in small batches, and never without an event.
import { eventOf, type Origin } from '../audit.ts';
import type { LifetimePolicy } from '../policy.ts';
import { nowOf, recordEvents, type Store } from '../store.ts';
import { tokensKeptMs } from '../token-life.ts';
import { type PurgeStep, purgeKinds } from '../upkeep-store.ts';
import { dayMs } from '../values/durations.ts';
import { dueRows, endedSessions } from './purge-rules.ts';

/** Small enough for a request that waits for the writer behind a batch not to notice. */
const batchRows = 200;

export interface PurgePolicy extends LifetimePolicy {
  /** Null: audit events are kept forever. */
  readonly auditRetentionDays: number | null;
  /** Namespaces whose JWTs a shared secret of this process signs. */
  readonly signers: readonly string[];
}

/** Rows by kind. */
export type PurgeCounts = Readonly<Record<string, number>>;

export interface PurgeOptions {
  readonly onPurged?: (rows: number) => void;
  /** Ends the run between two steps; the rest is left to the next. */
  readonly signal?: AbortSignal;
  /** Called between two steps, with the time that the first took: others wait for the writer, too. */
  readonly rest?: (stepMs: number) => Promise<unknown>;
}

/** One kind of rows to purge: how many are due, and a step that deletes some of them. */
interface Task {
  readonly name: string;
  count(): Promise<number>;
  step(): Promise<PurgeStep>;
}

interface Plan {
  readonly tasks: readonly Task[];
  /** The last event of the ranges that are sealed and older than the retention; 0 when there is none. */
  readonly through: number;
  /** Revocations of single tokens that ended by this instant are deleted; milliseconds. */
  readonly endsUntil: number;
}

/**
 * Called by every process that serves or purges. Verdicts and purging use the largest TOKEN_LIFETIME_DAYS_MAX ever in
 * force, as tokens keep the life allowed at issue; and purging keeps ended grants and sessions for issuers whose JWTs a
 * shared secret signs.
 */
export async function noteSettings(store: Store, { lifetimeDaysMax, signers }: PurgePolicy): Promise<void> {
  if (signers.length > 0) await store.upkeep.noteSigners(signers);
  const known = await store.upkeep.readNote('lifetime_days_max');
  if (lifetimeDaysMax > known) await store.upkeep.noteLifetime(lifetimeDaysMax);
}

/** What a run at this moment would delete. */
export async function countPurgeable(store: Store, policy: PurgePolicy): Promise<PurgeCounts> {
  return countAll(await planOf(store, policy));
}

/**
 * Resolves to what was deleted; undefined when another process is purging. An event is written before any row is
 * deleted: no run is without one however it ends, and the verifier accepts a gap only if an event accounts for it.
 */
export function purge(
  store: Store,
  policy: PurgePolicy,
  origin: Origin,
  options: PurgeOptions = {},
): Promise<PurgeCounts | undefined> {
  return store.upkeep.exclusively('purge', async () => {
    await noteSettings(store, policy);
    const plan = await planOf(store, policy);
    const due = await countAll(plan);
    if ((due.revocations ?? 0) + (due.jwts ?? 0) > 0) await store.upkeep.noteEnds(plan.endsUntil);
    const told = (due.audit_events ?? 0) > 0 ? { audit_events_through: plan.through } : {};
    if (Object.values(due).some((rows) => rows > 0))
      await record(store, origin, { begins: true, due, ...told });
    const counts: Record<string, number> = {};
    for (const task of plan.tasks) counts[task.name] = await run(task, options);
    await record(store, origin, { rows: counts, ...told });
    if (!options.signal?.aborted) await store.upkeep.writeNote('purge_succeeded_at', await nowOf(store));
    return counts;
  });
}

/** Resolves to how many rows it deleted. */
async function run(task: Task, { onPurged, signal, rest }: PurgeOptions): Promise<number> {
  let rows = 0;
  while (!signal?.aborted) {
    const began = performance.now();
    const { purged, isDone } = await task.step();
    rows += purged;
    onPurged?.(purged);
    if (isDone) break;
    if (!signal?.aborted) await rest?.(performance.now() - began);
  }
  return rows;
}

async function countAll({ tasks }: Plan): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const task of tasks) counts[task.name] = await task.count();
  return counts;
}

async function planOf(store: Store, policy: PurgePolicy): Promise<Plan> {
  const { upkeep } = store;
  const now = await nowOf(store);
  const lifetimeDaysMax = Math.max(policy.lifetimeDaysMax, await upkeep.readNote('lifetime_days_max'));
  const byKind = purgeKinds.map((kind): Task => {
    const due = dueRows(kind, now, lifetimeDaysMax);
    return { name: kind, count: () => upkeep.countDue(due), step: () => upkeep.purgeDue(due, batchRows) };
  });
  const ended = endedSessions(now);
  const endedTask: Task = {
    name: 'ended_sessions',
    count: () => upkeep.countEndedSessions(ended),
    step: () => upkeep.purgeEndedSessions(ended, batchRows),
  };
  const days = policy.auditRetentionDays;
  const through = days === null ? 0 : await upkeep.findSealedBefore(now - days * dayMs);
  const events: Task = {
    name: 'audit_events',
    count: () => upkeep.countEventsThrough(through),
    step: () => upkeep.purgeEventsThrough(through, batchRows),
  };
  // Ended sessions first: they are found by the revocations that ended them, which the same run may delete.
  return { tasks: [endedTask, ...byKind, events], through, endsUntil: now - tokensKeptMs };
}

function record(store: Store, origin: Origin, metadata: Readonly<Record<string, unknown>>): Promise<void> {
  const event = eventOf(origin, 'purge', { metadata });
  return recordEvents(store, [event]);
}
