// Commits batches of decisions in spite of failures: what passes by itself is tried again, and when the database
// refuses something of a batch, each decision gets a transaction of its own, so that one does not fail the others.
import { randomBytes } from 'node:crypto';
import type { Decide } from '../domain/store.ts';
import type { QueueEntry } from './batch-queue.ts';
import { type CommitResult, commitBatch } from './commit.ts';
import { codeOf, rowHasChanged } from './drivers.ts';
import type { OpenDatabase } from './open-database.ts';
import { toUnavailable } from './unavailable.ts';

const attemptsMax = 4;
/** For this long after the heads have moved under a decision they are locked first, as other processes are writing. */
const lockingMs = 1_000;

export class Committer {
  readonly #database: OpenDatabase;
  /** Did an attempt fail for good since the last one that surely wrote something? */
  #hasFailed = false;
  #locksUntil = 0;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  /** Resolves, once everything is decided, to a function that gives every caller its result. */
  async commit(entries: readonly QueueEntry<Decide>[]): Promise<() => void> {
    try {
      const results = await this.#attempt(entries);
      return () => settle(entries, results);
    } catch (error) {
      if (entries.length === 1 || !this.#database.dialect.isRefusal(error)) throw toUnavailable(error);
      const results: CommitResult[] = [];
      for (const entry of entries) results.push(...(await this.#attempt([entry]).catch(refused)));
      return () => settle(entries, results);
    }
  }

  /**
   * Commits notice a full disk; when one has, this finds out by `write` whether there is room again, also while nobody
   * writes. That a commit succeeded does not say so: where nothing changes, SQLite writes nothing.
   */
  async canWrite(write: (decide: Decide<undefined>) => Promise<undefined>): Promise<boolean> {
    if (!this.#hasFailed) return true;
    // An id that nobody uses, purged with the others.
    const digest = randomBytes(32).toString('hex');
    try {
      await write((_facts, now) => ({
        outcome: undefined,
        effects: { usedIds: [{ digest, kind: 'inbox', expiresAt: now }] },
      }));
    } catch {
      return false;
    }
    this.#hasFailed = false;
    return true;
  }

  async #attempt(entries: readonly QueueEntry<Decide>[], attempt = 1): Promise<readonly CommitResult[]> {
    const { dialect } = this.#database;
    const locksHeads = !dialect.readsBesideWriter || attempt > 1 || performance.now() < this.#locksUntil;
    try {
      const decisions = entries.map((entry) => entry.item);
      return await commitBatch(this.#database, decisions, { locksHeads });
    } catch (error) {
      if (codeOf(error) === rowHasChanged) this.#locksUntil = performance.now() + lockingMs;
      // Without the lock, a refusal may be due to what another process wrote and the heads do not count: used ids.
      const mayPass = dialect.isTransient(error) || (!locksHeads && dialect.isRefusal(error));
      if (attempt < attemptsMax && mayPass) return this.#attempt(entries, attempt + 1);
      this.#hasFailed = true;
      throw error;
    }
  }
}

function refused(error: unknown): CommitResult[] {
  return [{ ok: false, error: toUnavailable(error) }];
}

function settle(entries: readonly QueueEntry<Decide>[], results: readonly CommitResult[]): void {
  for (const [n, result] of results.entries()) {
    if (result.ok) entries[n]?.resolve(result.outcome);
    else entries[n]?.reject(result.error);
  }
}
