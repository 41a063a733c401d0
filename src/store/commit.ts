// Makes a batch of decisions durable in one transaction. Decisions of all processes are taken one after another, and the
// sequences they number have no gaps and no disorder: the lock on `heads` is taken first; or, where hardly anybody else
// writes, the transaction fails if the heads are no longer where the decisions were taken.
import type { Knex } from 'knex';
import type { Decide } from '../domain/store.ts';
import { allOf } from './all-of.ts';
import type { BatchRows } from './facts/changes.ts';
import { DecisionFacts } from './facts/decision-facts.ts';
import { NotLoaded } from './facts/shelf.ts';
import type { Memory } from './memory/memory.ts';
import type { OpenDatabase } from './open-database.ts';
import { appendEvents } from './tables/audit-events.ts';
import { applyClientChange } from './tables/clients.ts';
import { type DecisionHeads, glanceAtHeads, lockHeads, moveHeads } from './tables/heads.ts';
import { insertOutcomes } from './tables/idempotency-keys.ts';
import { applyIssuerChange, insertIssuerKeys } from './tables/issuers.ts';
import { appendRevocations, replaceCutoffs } from './tables/revocations.ts';
import { insertOrTouchSessions } from './tables/sessions.ts';
import { insertTokens } from './tables/tokens.ts';
import { insertUsedIds } from './tables/used-ids.ts';
import { demandInPlace } from './unavailable.ts';

export type CommitResult = { ok: true; outcome: unknown } | { ok: false; error: unknown };

/**
 * Rejects, with nothing written, when the database refuses anything of the batch; or if the heads were not locked, and
 * have moved meanwhile.
 */
export async function commitBatch(
  database: OpenDatabase,
  decisions: readonly Decide[],
  { locksHeads }: { locksHeads: boolean },
): Promise<readonly CommitResult[]> {
  const { heads, results, rows } = await (locksHeads ? lockFirst : glanceFirst)(database, decisions);
  database.memory.learn(heads, rows);
  return results;
}

function lockFirst(database: OpenDatabase, decisions: readonly Decide[]): Promise<Decided> {
  const { dialect, reader, writer, clock, memory } = database;
  return dialect.inTransaction(writer, async (tx) => {
    // Both show the same, as nothing is written before `persist`.
    const db = dialect.readsBesideWriter ? reader : tx;
    const heads = await memory.catchUp(db, () => lockHeads(tx, clock));
    // The writer is open by now: it writes to the files that are read here, or not at all.
    demandInPlace(dialect);
    const decided = await decideAll(db, decisions, memory, heads);
    await persist(tx, decided);
    return decided;
  });
}

/** What is decided here is written only if nothing else has been written since. */
async function glanceFirst(database: OpenDatabase, decisions: readonly Decide[]): Promise<Decided> {
  const { dialect, reader, writer, clock, memory } = database;
  const heads = await memory.catchUp(reader, () => glanceAtHeads(reader, clock));
  const decided = await decideAll(reader, decisions, memory, heads);
  await dialect.inTransaction(writer, async (tx) => {
    demandInPlace(dialect);
    await persist(tx, decided);
  });
  return decided;
}

/** It no longer depends on any fact: while it waits to be written, the memory may move on. */
interface Decided {
  /** From which it was decided. */
  readonly heads: DecisionHeads;
  readonly results: readonly CommitResult[];
  readonly rows: BatchRows;
}

async function decideAll(
  db: Knex,
  decisions: readonly Decide[],
  memory: Memory,
  heads: DecisionHeads,
): Promise<Decided> {
  const facts = new DecisionFacts(memory, heads);
  for (;;) {
    const results: CommitResult[] = [];
    let isComplete = true;
    for (const decide of decisions) {
      try {
        results.push({ ok: true, outcome: facts.take(decide(facts, heads.now)) });
      } catch (error) {
        if (error instanceof NotLoaded) isComplete = false;
        else results.push({ ok: false, error });
      }
    }
    if (isComplete) return { heads, results, rows: facts.rows() };
    await facts.load(db);
    facts.rewind();
  }
}

async function persist(tx: Knex, { heads, rows }: Decided): Promise<void> {
  const { clients, issuers, tokens, revocations, events } = rows;
  const steps = {
    revocations: revocations.length,
    events: events.length,
    records: clients.length + issuers.length,
    tokens: tokens.length,
  };
  await allOf([
    // First: if the heads have moved, that is what failed, and not a number that was given out twice.
    moveHeads(tx, heads, steps),
    applyAll(clients, (change) => applyClientChange(tx, change)),
    applyIssuers(tx, rows, heads.now),
    insertUsedIds(tx, rows.usedIds),
    insertTokens(tx, tokens),
    insertOrTouchSessions(tx, rows.sessions),
    appendRevocations(tx, revocations),
    replaceCutoffs(tx, rows.cutoffs.dropped, rows.cutoffs.added),
    insertOutcomes(tx, rows.outcomes),
    appendEvents(tx, events, heads.event_seq, heads.now),
  ]);
}

/** Issuers first: keys may belong to new ones. */
async function applyIssuers(tx: Knex, { issuers, issuerKeys }: BatchRows, now: number): Promise<void> {
  await applyAll(issuers, (change) => applyIssuerChange(tx, change));
  await insertIssuerKeys(tx, issuerKeys, now);
}

/** One after another, as several may concern the same record. */
async function applyAll<Change>(
  changes: readonly Change[],
  apply: (change: Change) => Promise<void>,
): Promise<void> {
  for (const change of changes) await apply(change);
}
