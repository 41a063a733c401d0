// Whatever a database rejects with, callers see one thing: the store cannot answer.
import { StoreUnavailable } from '../domain/store-errors.ts';
import type { Dialect } from './dialect.ts';

/** Says why nothing is read from, or written to, files that are not those which were opened. */
export const replaced =
  'a file of the database (or its -wal or -shm) was deleted or replaced under the server; restart it';

/** The check may be `ageMs` old. */
export function demandInPlace(dialect: Dialect, ageMs?: number): void {
  if (!dialect.isInPlace(ageMs)) throw new StoreUnavailable(replaced);
}

export async function guarded<T>(work: PromiseLike<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toUnavailable(error);
  }
}

export function toUnavailable(error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable('the database did not answer as it must', { cause: error });
}
