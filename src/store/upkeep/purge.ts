// Deletes rows that are due, a few per transaction; due-rows.ts says which they are.
import type { Knex } from 'knex';
import { forever } from '../../domain/cutoffs.ts';
import { openEndsFrom } from '../../domain/token-life.ts';
import type { DueRows, EndedSessions, PurgeStep, UpkeepNote } from '../../domain/upkeep-store.ts';
import { holdDecisions } from '../tables/heads.ts';
import { readNote, writeNote } from '../tables/notes.ts';
import { withPass } from './append-only.ts';
import { placeOf, selectDue, selectPurgeable } from './due-rows.ts';

type RowKey = string | number;

export async function countDue(db: Knex, due: DueRows): Promise<number> {
  return countOf(selectDue(db, due));
}

export async function purgeDue(writer: Knex, due: DueRows, limit: number): Promise<PurgeStep> {
  const { table, key, column } = placeOf(due);
  return withPass(writer, async (tx) => {
    let keys: RowKey[] = await selectPurgeable(tx, due).orderBy(column).limit(limit).pluck(key);
    const isDone = keys.length < limit;
    if (due.kind === 'revocations' && keys.length > 0) {
      // A decision taken since the look-up may have made a row necessary, so check again.
      await holdDecisions(tx);
      keys = await selectPurgeable(tx, due).whereIn(key, keys).pluck(key);
      await noteHorizon(tx, keys);
    }
    const purged = keys.length === 0 ? 0 : await tx(table).whereIn(key, keys).delete();
    return { purged, isDone };
  });
}

/**
 * Notes how far the purged rows reached: an unknown token that was issued before that may have been covered by
 * one of them, however long tokens may live from now on. All processes read it again, as they do suspensions.
 */
async function noteHorizon(tx: Knex.Transaction, seqs: readonly RowKey[]): Promise<void> {
  const rows = tx('revocations').whereIn('seq', seqs);
  const names = rows.clone().andWhereNot('kind', 'token');
  const written = await names.clone().max({ at: 'revoked_at' }).first();
  const cut = await names.clone().whereNot('cutoff', forever).max({ at: 'cutoff' }).first();
  const open = await rows.clone().where('purge_after', '>', openEndsFrom).max({ at: 'purge_after' }).first();
  const horizon = Math.max(written?.at ?? 0, cut?.at ?? 0, (open?.at ?? openEndsFrom) - openEndsFrom);
  const single = await rows.clone().where('kind', 'token').max({ at: 'revoked_at' }).first();
  await moveHorizon(tx, { purged_until: horizon, ends_purged_at: single?.at ?? 0 });
}

/** The time of the last decision covers every one so far; noteHorizon covers those taken while rows are deleted. */
export async function noteEnds(writer: Knex, until: number): Promise<void> {
  await writer.transaction(async (tx) => {
    const lastDecision = await holdDecisions(tx);
    await moveHorizon(tx, { ends_purged_until: until, ends_purged_at: lastDecision });
  });
}

/** Only ever raised: verdicts and purges must agree on how far back tokens can reach. */
export async function noteLifetime(writer: Knex, daysMax: number): Promise<void> {
  await writer.transaction(async (tx) => {
    await holdDecisions(tx);
    await moveHorizon(tx, { lifetime_days_max: daysMax });
  });
}

/** Under `holdDecisions`, after which every process reads the notes anew. */
async function moveHorizon(
  tx: Knex.Transaction,
  horizon: Partial<Record<UpkeepNote, number>>,
): Promise<void> {
  for (const [name, value] of Object.entries(horizon) as [UpkeepNote, number][])
    if (value > (await readNote(tx, name))) await writeNote(tx, name, value);
}

interface EndedRow {
  seq: number;
  issuer: string;
  target_id: string;
}

function endings(db: Knex, after: number, before: number): Knex.QueryBuilder<EndedRow> {
  return db<EndedRow>('revocations')
    .where('seq', '>', after)
    .andWhere('kind', 'session')
    .andWhere('cutoff', forever)
    .andWhere('revoked_at', '<', before);
}

/** Sessions that were ended before `before`, by revocations that no run has looked at yet. */
export async function countEndedSessions(
  db: Knex,
  { before, unexpiredSince }: EndedSessions,
): Promise<number> {
  const seen = await readNote(db, 'sessions_ended_seen');
  const ended = endings(db, seen, before).whereExists(
    db('sessions')
      .select(db.raw('1'))
      .whereRaw('sessions.session_id = revocations.target_id and sessions.issuer = revocations.issuer')
      .andWhere('sessions.expires_at', '>=', unexpiredSince),
  );
  return countOf(ended);
}

export async function purgeEndedSessions(
  writer: Knex,
  { before, unexpiredSince }: EndedSessions,
  limit: number,
): Promise<PurgeStep> {
  return writer.transaction(async (tx) => {
    const seen = await readNote(tx, 'sessions_ended_seen');
    const rows: EndedRow[] = await endings(tx, seen, before).orderBy('seq').limit(limit);
    // A decision that has read a session would otherwise write it down again.
    if (rows.length > 0) await holdDecisions(tx);
    const ended = rows.map(({ issuer, target_id: sessionId }) => [issuer, sessionId]);
    const purged = await tx('sessions')
      .whereIn(['issuer', 'session_id'], ended)
      .andWhere('expires_at', '>=', unexpiredSince)
      .delete();
    const last = rows.at(-1);
    if (last) await writeNote(tx, 'sessions_ended_seen', last.seq);
    return { purged, isDone: rows.length < limit };
  });
}

export async function countEventsThrough(db: Knex, seq: number): Promise<number> {
  return countOf(db('audit_events').where('seq', '<=', seq));
}

/**
 * Deletes whole sealed ranges, as many as hold `limit` events together, but at least one: half a range proves
 * nothing.
 */
export async function purgeEventsThrough(writer: Knex, seq: number, limit: number): Promise<PurgeStep> {
  return withPass(writer, async (tx) => {
    const first = await extremeOf(tx('audit_events').min({ seq: 'seq' }));
    if (first === null || first > seq) return { purged: 0, isDone: true };
    const ends = () => tx('audit_seals').whereBetween('last_seq', [first, seq]);
    const several = ends().where('last_seq', '<', first + limit);
    const last =
      (await extremeOf(several.max({ seq: 'last_seq' }))) ??
      (await extremeOf(ends().min({ seq: 'last_seq' })));
    if (last === null) return { purged: 0, isDone: true };
    const purged: number = await tx('audit_events').where('seq', '<=', last).delete();
    return { purged, isDone: last === seq };
  });
}

async function extremeOf(query: Knex.QueryBuilder): Promise<number | null> {
  return ((await query.first()) as { seq: number | null }).seq;
}

async function countOf(query: Knex.QueryBuilder): Promise<number> {
  const row = (await query.count({ count: '*' }).first()) as { count: number | string } | undefined;
  return Number(row?.count ?? 0);
}
