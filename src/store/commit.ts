// Makes a batch of decisions durable in one transaction. Decisions of all processes are taken one after another, and the
// sequences they number have no gaps and no disorder: the lock on `heads` is taken first; or, where hardly anybody else
// writes, the transaction fails if the heads are no longer where the decisions were taken.
import type { Knex } from 'knex';
import type { NewEvent } from '../domain/audit.ts';
import type { RegisteredToken } from '../domain/claims.ts';
import type { ClientChange } from '../domain/records/clients.ts';
import type { Session } from '../domain/sessions.ts';
import type { Decide, Decision, Remember } from '../domain/store.ts';
import { allOf } from './all-of.ts';
import { inTransaction } from './dialect.ts';
import { type AppliedEffects, DecisionFacts } from './facts/decision-facts.ts';
import { NotLoaded } from './facts/shelf.ts';
import type { Learnt, Memory } from './memory/memory.ts';
import type { OpenDatabase } from './open-database.ts';
import { appendEvents } from './tables/audit-events.ts';
import { applyClientChange } from './tables/clients.ts';
import { type DecisionHeads, glanceAtHeads, lockHeads, moveHeads } from './tables/heads.ts';
import { insertRemembered } from './tables/idempotency-keys.ts';
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
): Promise<CommitResult[]> {
  const { heads, decided, added } = await (locksHeads ? lockFirst : glanceFirst)(database, decisions);
  database.memory.learn(heads, added);
  return decided.results;
}

interface Committed {
  readonly heads: DecisionHeads;
  readonly decided: Decided;
  /** What the memory must learn. */
  readonly added: Learnt;
}

function lockFirst(database: OpenDatabase, decisions: readonly Decide[]): Promise<Committed> {
  const { dialect, reader, writer, clock, memory } = database;
  return inTransaction(writer, async (tx) => {
    // Both show the same, as nothing is written before `persist`.
    const db = dialect.readsBesideWriter ? reader : tx;
    const heads = await memory.catchUp(db, () => lockHeads(tx, clock));
    // The writer is open by now: it writes to the files that are read here, or not at all.
    demandInPlace(dialect);
    const decided = await decideAll(db, decisions, memory, heads);
    return { heads, decided, added: await persist(tx, decided, heads) };
  });
}

/** What is decided here is written only if nothing else was since. */
async function glanceFirst(database: OpenDatabase, decisions: readonly Decide[]): Promise<Committed> {
  const { dialect, reader, writer, clock, memory } = database;
  const heads = await memory.catchUp(reader, () => glanceAtHeads(reader, clock));
  const decided = await decideAll(reader, decisions, memory, heads);
  const added = await inTransaction(writer, (tx) => {
    demandInPlace(dialect);
    return persist(tx, decided, heads);
  });
  return { heads, decided, added };
}

interface Kept extends Remember {
  readonly outcome: unknown;
}

interface Decided {
  readonly results: CommitResult[];
  readonly effects: AppliedEffects[];
  readonly kept: Kept[];
  readonly facts: DecisionFacts;
}

async function decideAll(
  db: Knex,
  decisions: readonly Decide[],
  memory: Memory,
  heads: DecisionHeads,
): Promise<Decided> {
  const facts = new DecisionFacts(memory, heads);
  for (;;) {
    const decided: Decided = { results: [], effects: [], kept: [], facts };
    let isComplete = true;
    for (const decide of decisions) {
      try {
        decided.results.push({ ok: true, outcome: take(decide(facts, heads.now), decided) });
      } catch (error) {
        if (error instanceof NotLoaded) isComplete = false;
        else decided.results.push({ ok: false, error });
      }
    }
    if (isComplete) return decided;
    await facts.load(db);
    facts.rewind();
  }
}

/** Takes a decision into the batch; returns its outcome. */
function take(decision: Decision<unknown>, { effects, kept, facts }: Decided): unknown {
  const applied = facts.apply(decision.effects);
  effects.push(applied);
  const outcome = typeof decision.outcome === 'function' ? decision.outcome(applied.seqs) : decision.outcome;
  const { remember } = applied;
  if (remember) {
    kept.push({ outcome, ...remember });
    facts.remember(remember.keyDigest, { requestDigest: remember.requestDigest, outcome });
  }
  return outcome;
}

/** Writes the batch; resolves to what the memory must learn of it. */
async function persist(tx: Knex, { effects, kept, facts }: Decided, heads: DecisionHeads): Promise<Learnt> {
  const clients: ClientChange[] = effects.flatMap((effect) => effect.clients ?? []);
  const tokens: RegisteredToken[] = effects.flatMap((effect) => effect.tokens ?? []);
  const revocations = effects.flatMap((effect) => effect.revocations);
  const events: NewEvent[] = effects.flatMap((effect) => effect.events ?? []);
  const cutoffs = facts.cutoffChanges();
  const sessions = new Map<string, Session>();
  for (const session of effects.flatMap((effect) => effect.sessions ?? []))
    sessions.set(session.sessionId, session);
  const steps = {
    revocations: revocations.length,
    events: events.length,
    records: clients.length + effects.reduce((sum, { issuers }) => sum + (issuers?.length ?? 0), 0),
    tokens: tokens.length,
  };

  await allOf([
    // First: if the heads have moved, that is what failed, and not a number that was given out twice.
    moveHeads(tx, heads, steps),
    applyAll(clients, (change) => applyClientChange(tx, change)),
    applyIssuers(tx, effects, heads.now),
    insertUsedIds(
      tx,
      effects.flatMap((effect) => effect.usedIds ?? []),
    ),
    insertTokens(tx, tokens),
    insertOrTouchSessions(tx, [...sessions.values()]),
    appendRevocations(tx, revocations),
    replaceCutoffs(tx, cutoffs.dropped, cutoffs.added),
    insertRemembered(tx, kept),
    appendEvents(tx, events, heads.event_seq, heads.now),
  ]);
  return { tokens, revocations };
}

/** Issuers first: keys may belong to new ones. */
async function applyIssuers(tx: Knex, effects: readonly AppliedEffects[], now: number): Promise<void> {
  await applyAll(
    effects.flatMap((effect) => effect.issuers ?? []),
    (change) => applyIssuerChange(tx, change),
  );
  await insertIssuerKeys(
    tx,
    effects.flatMap((effect) => effect.issuerKeys ?? []),
    now,
  );
}

/** One after another, as several may concern the same record. */
async function applyAll<Change>(
  changes: readonly Change[],
  apply: (change: Change) => Promise<void>,
): Promise<void> {
  for (const change of changes) await apply(change);
}
