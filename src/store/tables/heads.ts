// The table `heads`, whose one row says how far everything has come. Decisions lock it first, so they are taken one
// after another; its counters tell each process what it must read anew.
import type { Knex } from 'knex';
import { findRow, incarnationOf, runFixed } from '../dialect.ts';
import { timeAfter } from '../time.ts';

/** How far the logs had come at one instant; its numbers only grow. */
export interface Heads {
  readonly revocation_seq: number;
  /** Counts changes of clients and issuers, of the horizon of purges, and erasures. */
  readonly suspension_seq: number;
  /** Counts registered tokens. */
  readonly token_seq: number;
  /** The time of the last decisions. */
  readonly stamped_at: number;
  /** Changes when another database answers under the same name: after a failover or a restore. */
  readonly incarnation: string;
}

export interface LockedHeads extends Heads {
  readonly event_seq: number;
  /** The time of the decisions to be taken, later than that of all before. */
  readonly now: number;
}

export interface Clock {
  readonly now: () => number;
  /** SQL for the database's clock, which then stamps the batch. */
  readonly clockSql: string | null;
}

/** The heads as they are committed now, for questions. */
export function readHeads(db: Knex): Promise<Heads> {
  return findRow<Heads>(
    db,
    `select revocation_seq, suspension_seq, token_seq, stamped_at, ${incarnationOf(db)} as incarnation
      from heads where id = 1`,
  );
}

/** An update that changes nothing: its row lock comes before any read of this transaction. */
export async function lockHeads(tx: Knex, clock: Clock): Promise<LockedHeads> {
  const now = clock.clockSql === null ? '' : `, ${clock.clockSql} as now`;
  const locked = await findRow<Omit<LockedHeads, 'now'> & { readonly now?: number }>(
    tx,
    `update heads set event_seq = event_seq where id = 1
      returning revocation_seq, event_seq, suspension_seq, token_seq, stamped_at,
        ${incarnationOf(tx)} as incarnation${now}`,
  );
  return { ...locked, now: timeAfter(locked.stamped_at, locked.now ?? clock.now()) };
}

/** By what a batch has of each. */
export interface Steps {
  readonly revocations: number;
  readonly events: number;
  readonly records: number;
  readonly tokens: number;
}

export async function moveHeads(tx: Knex, steps: Steps, now: number): Promise<void> {
  const { revocations, events, records, tokens } = steps;
  if (revocations + events + tokens + records === 0) return;
  await runFixed(
    tx,
    `update heads set revocation_seq = revocation_seq + ?, event_seq = event_seq + ?,
        suspension_seq = suspension_seq + ?, token_seq = token_seq + ?, stamped_at = ? where id = 1`,
    [revocations, events, records, tokens, now],
  );
}

/** From here on no decision is taken until the transaction ends; resolves to the time of the last one. */
export async function holdDecisions(tx: Knex.Transaction): Promise<number> {
  const { stamped_at } = await tx('heads').where('id', 1).forUpdate().first();
  return stamped_at;
}

/** Every process reads anew what `suspension_seq` counts. */
export async function announceChange(tx: Knex.Transaction): Promise<void> {
  await tx('heads').where('id', 1).increment('suspension_seq');
}

export async function findEventHead(db: Knex): Promise<number> {
  const { event_seq } = await db('heads').where('id', 1).first('event_seq');
  return event_seq;
}
