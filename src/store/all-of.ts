// Statements of one transaction that do not wait for each other: they are sent together.
import { codeOf, transactionHasFailed } from './drivers.ts';

/**
 * Waits until all have settled, so that none is sent after its transaction has ended: it would be committed by itself.
 * Rejects with the failure that caused the others.
 */
export async function allOf(statements: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(statements);
  const failures = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length > 0)
    throw failures.find((failure) => codeOf(failure) !== transactionHasFailed) ?? failures[0];
}
