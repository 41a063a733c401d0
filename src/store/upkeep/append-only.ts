// How to pass the triggers that keep the logs append-only: a transaction that purges or erases puts a row into
// append_only_passes and removes it before it commits, so that no other transaction ever sees it.
import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';

export function withPass<T>(writer: Knex, work: (tx: Knex.Transaction) => Promise<T>): Promise<T> {
  return writer.transaction(async (tx) => {
    const pass = randomUUID();
    await tx('append_only_passes').insert({ pass });
    const outcome = await work(tx);
    await tx('append_only_passes').where({ pass }).delete();
    return outcome;
  });
}
