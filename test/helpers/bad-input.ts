// What tests of malformed requests share: a table of what is wrong, and a string that no answer may repeat.
import type { ExecutionContext } from 'ava';
import type { TestApp } from './app.ts';
import type { Reply, RequestParts } from './requests.ts';

export const formType = 'application/x-www-form-urlencoded';
/** Stands in every value that must not come back. */
export const canary = 'canary-7f3a91d04c';

/** `message` is undefined where the test leaves open in which words it is refused. */
export type Bad = readonly [what: string, parts: RequestParts, status: number, message: string | undefined];

/** Sends it over `usual`; the answer has its status, and nothing of what was sent. */
export async function sendBad(
  t: ExecutionContext,
  app: TestApp,
  path: string,
  usual: RequestParts,
  bad: Bad,
): Promise<Reply> {
  const [what, parts, status] = bad;
  const reply = await app.request('POST', path, { ...usual, ...parts });
  t.is(reply.status, status, what);
  t.false(reply.text.includes(canary), what);
  return reply;
}
