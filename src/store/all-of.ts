// Statements of one transaction that do not wait for each other: they are sent together.

/**
 * Resolves when all have, rejects with the first failure, but never before the last has ended: a statement
 * that outlived its transaction would be committed by itself.
 */
export async function allOf(statements: readonly Promise<unknown>[]): Promise<void> {
  const settled = await Promise.allSettled(statements);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
