// Makes a batch of decisions durable in one transaction. The lock on `heads` is taken first: decisions of
// all processes are taken one after another, and the sequences they number have no gaps and no disorder.
import type { Knex } from 'knex';
import type { NewEvent } from '../domain/audit.ts';
import type { RegisteredToken } from '../domain/claims.ts';
import type { ClientChange } from '../domain/clients.ts';
import type { Session } from '../domain/sessions.ts';
import type { Decide, Decision, Remember } from '../domain/store.ts';
import { allOf } from './all-of.ts';
import { type AppliedEffects, DecisionFacts } from './decision-facts.ts';
import { inTransaction } from './dialect.ts';
import type { Learnt } from './memory.ts';
import type { OpenDatabase } from './open-database.ts';
import { NotLoaded } from './shelf.ts';
import { appendEvents } from './tables/audit-events.ts';
import { applyClientChange } from './tables/clients.ts';
import { type LockedHeads, lockHeads, moveHeads } from './tables/heads.ts';
import { insertRemembered } from './tables/idempotency-keys.ts';
import { applyIssuerChange, insertIssuerKeys } from './tables/issuers.ts';
import { appendRevocations, replaceCutoffs } from './tables/revocations.ts';
import { insertOrTouchSessions } from './tables/sessions.ts';
import { insertTokens } from './tables/tokens.ts';
import { insertUsedIds } from './tables/used-ids.ts';

export type CommitResult = { ok: true; outcome: unknown } | { ok: false; error: unknown };

/** Rejects, with nothing written, when the database refuses anything of the batch. */
export async function commitBatch(
  { dialect, reader, writer, clock, memory }: OpenDatabase,
  decisions: readonly Decide[],
): Promise<CommitResult[]> {
  const { decided, heads, added } = await inTransaction(writer, async (tx) => {
    // Both show the same, as nothing is written before `persist`.
    const db = dialect.readsBesideWriter ? reader : tx;
    const heads = await memory.catchUp(db, () => lockHeads(tx, clock));
    const facts = new DecisionFacts(memory, heads);
    const decided = await decideAll(db, decisions, facts, heads);
    const added = await persist(tx, decided, heads);
    return { decided, heads, added };
  });
  memory.learn(heads, added);
  return decided.results;
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
  facts: DecisionFacts,
  heads: LockedHeads,
): Promise<Decided> {
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
async function persist(tx: Knex, { effects, kept, facts }: Decided, heads: LockedHeads): Promise<Learnt> {
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
    moveHeads(tx, steps, heads.now),
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
