// Waiting in tests for what another process gets to in its own time.
import { setTimeout } from 'node:timers/promises';

/** Polls until there is something; what never comes is ended by the time limit of the test. */
export async function eventually<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await setTimeout(20);
  }
}
