// Statements of one transaction that do not wait for each other: they are sent together.
import { codeOf } from './drivers.ts';

/** What Postgres says to all that follows in a transaction in which something has failed. */
const transactionHasFailed = '25P02';

/**
 * Resolves when all have. Rejects with the failure that made the others fail, but never before the last has ended
 * or, if nobody waits for it, has been sent: one that came after the end of its transaction would be committed by
 * itself.
 */
export async function allOf(statements: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(statements);
  const failures = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length > 0)
    throw failures.find((failure) => codeOf(failure) !== transactionHasFailed) ?? failures[0];
}
