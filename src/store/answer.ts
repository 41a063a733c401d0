// Answers a batch of questions, all as of the heads that are read first. Those that miss a fact are asked again once
// all that they miss is loaded.
import type { Facts, Question } from '../domain/store.ts';
import type { QueueEntry } from './batch-queue.ts';
import { LoadedFacts } from './facts/facts.ts';
import { NotLoaded } from './facts/shelf.ts';
import type { OpenDatabase } from './open-database.ts';
import { readHeads } from './tables/heads.ts';
import { timeAfter } from './time.ts';
import { demandInPlace, guarded } from './unavailable.ts';

/** Looking at the file for every batch of questions could cost as much as their answers. */
const inPlaceAgeMs = 100;

/** Settles every entry, or rejects. */
export async function answerBatch(
  { dialect, reader, memory, clock }: OpenDatabase,
  entries: readonly QueueEntry<Question>[],
): Promise<undefined> {
  demandInPlace(dialect, inPlaceAgeMs);
  const readHeadsNow = () => guarded(memory.catchUp(reader, readHeads));
  let heads = await readHeadsNow();
  const now = timeAfter(heads.stamped_at, clock.now());
  let facts = new LoadedFacts(memory, heads, now);
  let open = entries;
  while (open.length > 0) {
    open = open.filter((entry) => !settles(entry, facts, now));
    if (open.length === 0) return;
    const lacksTokens = await guarded(facts.load(reader));
    if (!lacksTokens) continue;
    // An erasure deletes a registration after it has written a revocation in its place. Between reading the heads
    // and the look-up, it could hide both: begin anew if anything was erased.
    const later = await readHeadsNow();
    if (later.announced_seq === heads.announced_seq) continue;
    heads = later;
    facts = new LoadedFacts(memory, heads, now);
  }
}

/** False if a fact is missing. */
function settles(entry: QueueEntry<Question>, facts: Facts, now: number): boolean {
  try {
    entry.resolve(entry.item(facts, now));
  } catch (error) {
    if (error instanceof NotLoaded) return false;
    entry.reject(error);
  }
  return true;
}
