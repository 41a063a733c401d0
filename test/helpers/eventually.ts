// Waiting in tests for what somebody else gets to in their own time: another process or thread, or what is done once
// the answer has left.
import { setTimeout } from 'node:timers/promises';

const everyMs = 20;
/** Long enough for a machine with much else to do. */
const msMax = 120_000;

/**
 * Polls until there is something. What has not come by then is an error, which tells what `seen` says there is
 * instead.
 */
export async function eventually<T>(
  find: () => T | undefined | Promise<T | undefined>,
  seen: () => unknown = () => undefined,
): Promise<T> {
  const began = performance.now();
  do {
    const found = await find();
    if (found !== undefined) return found;
    await setTimeout(everyMs);
  } while (performance.now() - began < msMax);
  throw new Error(`it did not come within ${msMax / 1000} seconds; there is ${JSON.stringify(seen())}`);
}
