// The table `heads`, whose one row says how far everything has come. Whoever decides either locks the row first, or
// reads it and later moves it on only if nobody else has meanwhile: so decisions are taken one after another. Its
// counters tell each process what it must read anew.
import type { Knex } from 'knex';
import { readsOf, type Sql, writesOf } from '../dialect.ts';
import { timeAfter } from '../time.ts';

/** How far the logs had come at one instant; its numbers only grow. */
export interface Heads {
  readonly revocation_seq: number;
  /**
   * Counts what every process must hear of: changes of clients and issuers, of the horizon of purges, and erasures. Its
   * column bears the name of the first of them, suspensions.
   */
  readonly announced_seq: number;
  /** Counts registered tokens. */
  readonly token_seq: number;
  /** The time of the last decisions. */
  readonly stamped_at: number;
  /** Changes when another database answers under the same name: after a failover or a restore. */
  readonly incarnation: string;
}

/** Heads from which decisions are taken. */
export interface DecisionHeads extends Heads {
  readonly event_seq: number;
  /** The time of the decisions to be taken: by `timeAfter` never earlier than that of those before. */
  readonly now: number;
}

export interface Clock {
  readonly now: () => number;
  /** SQL for the database's clock, which then stamps the batch. */
  readonly clockSql: string | null;
}

/** The heads as they are committed now, for questions. */
export function readHeads(db: Knex): Promise<Heads> {
  return readsOf(db).findRow<Heads>(selectHeads(db));
}

/** SQL for what `readHeads` reads. */
export function selectHeads(db: Knex): string {
  return `select revocation_seq, suspension_seq as announced_seq, token_seq, stamped_at,
      ${readsOf(db).incarnation} as incarnation from heads where id = 1`;
}

/** An update that changes nothing: its row lock comes before any read of this transaction. */
export function lockHeads(tx: Knex, clock: Clock): Promise<DecisionHeads> {
  return takeHeads(
    writesOf(tx),
    clock,
    (columns) => `update heads set event_seq = event_seq where id = 1 returning ${columns}`,
  );
}

/** The heads as they are committed now: `moveHeads` fails if they have moved since. */
export function glanceAtHeads(db: Knex, clock: Clock): Promise<DecisionHeads> {
  return takeHeads(readsOf(db), clock, (columns) => `select ${columns} from heads where id = 1`);
}

async function takeHeads(
  sql: Sql,
  clock: Clock,
  statement: (columns: string) => string,
): Promise<DecisionHeads> {
  const now = clock.clockSql === null ? '' : `, ${clock.clockSql} as now`;
  const columns = `revocation_seq, event_seq, suspension_seq as announced_seq, token_seq, stamped_at,
      ${sql.incarnation} as incarnation${now}`;
  const heads = await sql.findRow<Omit<DecisionHeads, 'now'> & { readonly now?: number }>(statement(columns));
  return { ...heads, now: timeAfter(heads.stamped_at, heads.now ?? clock.now()) };
}

/**
 * How many of each a batch has. Whatever else it writes comes with one of these or, like used ids, is refused by its
 * table if another process was faster.
 */
export interface Steps {
  readonly revocations: number;
  readonly events: number;
  readonly records: number;
  readonly tokens: number;
}

/** Where nothing is decided, the time does not move. Fails the transaction if the heads do not stand at `from`. */
export async function moveHeads(tx: Knex, from: DecisionHeads, steps: Steps): Promise<void> {
  const { revocations, events, records, tokens } = steps;
  const isStill = revocations + events + records + tokens === 0;
  const places = [from.revocation_seq, from.event_seq, from.announced_seq, from.token_seq];
  const moves = [revocations, events, records, tokens];
  await writesOf(tx).updateFixed(
    `update heads set revocation_seq = ?, event_seq = ?, suspension_seq = ?, token_seq = ?, stamped_at = ?
      where id = 1 and revocation_seq = ? and event_seq = ? and suspension_seq = ? and token_seq = ?
        and stamped_at = ?`,
    [
      ...places.map((place, n) => place + (moves[n] as number)),
      isStill ? from.stamped_at : from.now,
      ...places,
      from.stamped_at,
    ],
  );
}

/**
 * From here on no decision is taken until the transaction ends, and one that has read already, and is not written yet, is
 * taken again. Resolves to the time of the last one.
 */
export async function holdDecisions(tx: Knex.Transaction): Promise<number> {
  await announceChange(tx);
  const { stamped_at } = await tx('heads').where('id', 1).first('stamped_at');
  return stamped_at;
}

/** Every process reads anew what `announced_seq` counts. */
export async function announceChange(tx: Knex.Transaction): Promise<void> {
  await tx('heads').where('id', 1).increment('suspension_seq');
}

export async function findEventHead(db: Knex): Promise<number> {
  const { event_seq } = await db('heads').where('id', 1).first('event_seq');
  return event_seq;
}
