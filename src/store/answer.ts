// Answers a batch of questions, all as of the heads that are read first, together with the tokens that most questions are
// about. Those that miss a fact are asked again once all that they miss is loaded.
import type { Knex } from 'knex';
import type { Digest, RegisteredToken } from '../domain/claims.ts';
import type { Facts, Question } from '../domain/store.ts';
import type { QueueEntry } from './batch-queue.ts';
import { LoadedFacts } from './facts/facts.ts';
import { keysPerQuery, NotLoaded } from './facts/shelf.ts';
import type { Memory } from './memory/memory.ts';
import type { OpenDatabase } from './open-database.ts';
import { type Heads, readHeads } from './tables/heads.ts';
import { findTokensWithHeads } from './tables/tokens.ts';
import { timeAfter } from './time.ts';
import { demandInPlace, guarded } from './unavailable.ts';

/** Looking at the file for every batch of questions could cost as much as their answers. */
const inPlaceAgeMs = 100;

export interface Asked {
  readonly question: Question;
  /** Tokens that it asks for whatever it finds. */
  readonly tokens: readonly Digest[];
}

/** Settles every entry, or rejects. */
export async function answerBatch(
  { dialect, reader, memory, clock }: OpenDatabase,
  entries: readonly QueueEntry<Asked>[],
): Promise<undefined> {
  demandInPlace(dialect, inPlaceAgeMs);
  const digests = worthReading(memory, entries);
  const recordsSeq = memory.records.seq;
  let found: readonly RegisteredToken[] = [];
  const readFirst = async (db: Knex): Promise<Heads> => {
    if (digests.length === 0) return readHeads(db);
    const { heads, tokens } = await findTokensWithHeads(db, digests);
    found = tokens;
    return heads;
  };
  let heads = await guarded(memory.catchUp(reader, readFirst));
  const now = timeAfter(heads.stamped_at, clock.now());
  let facts = new LoadedFacts(memory, heads, now);
  // Where records were read after the tokens, memory may count an erasure already that the tokens come from before, and
  // would then keep them for good.
  if (recordsSeq === heads.announced_seq) facts.putTokens(digests, found);
  let open = entries;
  while (open.length > 0) {
    open = open.filter((entry) => !settles(entry, facts, now));
    if (open.length === 0) return;
    const lacksTokens = await guarded(facts.load(reader));
    if (!lacksTokens) continue;
    // An erasure deletes a registration after it has written a revocation in its place. Between reading the heads
    // and the look-up, it could hide both: begin anew if anything was erased.
    const later = await guarded(memory.catchUp(reader, readHeads));
    if (later.announced_seq === heads.announced_seq) continue;
    heads = later;
    facts = new LoadedFacts(memory, heads, now);
  }
}

/** Without duplicates; what they leave out is loaded when it is missed. */
function worthReading(memory: Memory, entries: readonly QueueEntry<Asked>[]): Digest[] {
  const digests = new Set<Digest>();
  for (const { item } of entries)
    for (const digest of item.tokens)
      if (digests.size < keysPerQuery && memory.isWorthReading(digest)) digests.add(digest);
  return [...digests];
}

/** False if a fact is missing. */
function settles(entry: QueueEntry<Asked>, facts: Facts, now: number): boolean {
  try {
    entry.resolve(entry.item.question(facts, now));
  } catch (error) {
    if (error instanceof NotLoaded) return false;
    entry.reject(error);
  }
  return true;
}
