// Makes a batch of decisions durable in one transaction. The lock on `heads` is taken first: decisions of
// all processes are taken one after another, and the sequences they number have no gaps and no disorder.
import type { Knex } from 'knex';
import type { NewEvent } from '../domain/audit.ts';
import type { RegisteredToken } from '../domain/claims.ts';
import type { NewRevocation } from '../domain/cutoffs.ts';
import type { Session } from '../domain/sessions.ts';
import type { ClientChange, Decision, Effects, Facts } from '../domain/store.ts';
import { appendEvents } from './audit-events.ts';
import { applyClientChange } from './clients.ts';
import { LoadedFacts, NotLoaded } from './facts.ts';
import { applyIssuerChange, insertIssuerKeys } from './issuers.ts';
import { appendRevocations } from './revocations.ts';
import { insertOrTouchSessions } from './sessions.ts';
import { insertTokens } from './tokens.ts';
import { insertUsedIds } from './used-ids.ts';

type Decide = (facts: Facts, now: number) => Decision<unknown>;
export type Result = { ok: true; outcome: unknown } | { ok: false; error: unknown };

export interface Clock {
  readonly now: () => number;
  /** SQL for the database's clock, which then stamps the batch. */
  readonly clockSql: string | null;
}

interface Heads {
  readonly revocation_seq: number;
  readonly event_seq: number;
  readonly now: number;
}

/** Rejects, with nothing written, when the database refuses anything of the batch. */
export function commitBatch(writer: Knex, decisions: readonly Decide[], clock: Clock): Promise<Result[]> {
  return writer.transaction(async (tx) => {
    const heads = await lockHeads(tx, clock);
    const { results, effects } = await decideAll(tx, decisions, heads.now);
    await persist(tx, effects, heads);
    return results;
  });
}

async function lockHeads(tx: Knex.Transaction, clock: Clock): Promise<Heads> {
  const columns = ['revocation_seq', 'event_seq'];
  const returning = clock.clockSql === null ? columns : [...columns, tx.raw(`${clock.clockSql} as now`)];
  // An update that changes nothing: its row lock comes before any read of this transaction.
  const rows = await tx('heads')
    .where('id', 1)
    .update('event_seq', tx.ref('event_seq'))
    .returning(returning as string[]);
  return { now: clock.now(), ...(rows[0] as Omit<Heads, 'now'>) };
}

async function decideAll(
  tx: Knex.Transaction,
  decisions: readonly Decide[],
  now: number,
): Promise<{ results: Result[]; effects: Effects[] }> {
  const facts = new LoadedFacts();
  for (;;) {
    facts.rewind();
    const results: Result[] = [];
    const effects: Effects[] = [];
    let isComplete = true;
    for (const decide of decisions) {
      try {
        const decision = decide(facts, now);
        effects.push(facts.apply(decision.effects));
        results.push({ ok: true, outcome: decision.outcome });
      } catch (error) {
        if (error instanceof NotLoaded) isComplete = false;
        else results.push({ ok: false, error });
      }
    }
    if (isComplete) return { results, effects };
    await facts.load(tx, now);
  }
}

async function persist(tx: Knex.Transaction, effects: readonly Effects[], heads: Heads): Promise<void> {
  const clients: ClientChange[] = effects.flatMap((effect) => effect.clients ?? []);
  const tokens: RegisteredToken[] = effects.flatMap((effect) => effect.tokens ?? []);
  const revocations: NewRevocation[] = effects.flatMap((effect) => effect.revocations ?? []);
  const events: NewEvent[] = effects.flatMap((effect) => effect.events ?? []);
  const sessions = new Map<string, Session>();
  for (const session of effects.flatMap((effect) => effect.sessions ?? []))
    sessions.set(session.sessionId, session);

  for (const change of clients) await applyClientChange(tx, change);
  for (const change of effects.flatMap((effect) => effect.issuers ?? [])) await applyIssuerChange(tx, change);
  await insertIssuerKeys(
    tx,
    effects.flatMap((effect) => effect.issuerKeys ?? []),
    heads.now,
  );
  await insertUsedIds(
    tx,
    effects.flatMap((effect) => effect.usedIds ?? []),
  );
  await insertTokens(tx, tokens);
  await insertOrTouchSessions(tx, [...sessions.values()]);
  await appendRevocations(tx, revocations, heads.revocation_seq, heads.now);
  await appendEvents(tx, events, heads.event_seq, heads.now);
  if (revocations.length + events.length === 0) return;
  await tx('heads')
    .where('id', 1)
    .update({
      revocation_seq: heads.revocation_seq + revocations.length,
      event_seq: heads.event_seq + events.length,
    });
}
