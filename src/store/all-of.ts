// Statements of one transaction that do not wait for each other: they are sent together.
import { codeOf, transactionHasFailed } from './drivers.ts';

/**
 * Resolves when all have. Rejects with the failure that caused the others, but only when the last has ended or, if it
 * is not awaited, has been sent: one sent after the end of its transaction would be committed by itself.
 */
export async function allOf(statements: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(statements);
  const failures = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length > 0)
    throw failures.find((failure) => codeOf(failure) !== transactionHasFailed) ?? failures[0];
}
