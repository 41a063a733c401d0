// Waiting in tests for what another process gets to in its own time.
import { setTimeout } from 'node:timers/promises';

/** Polls until there is a result; if none comes, the time limit of the test ends the waiting. */
export async function eventually<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await setTimeout(20);
  }
}
