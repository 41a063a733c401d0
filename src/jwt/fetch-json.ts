// Fetches a JSON document from an address that an administrator configured: with a time limit and a size
// limit, and without following redirects, which could lead elsewhere.

import { addPiece } from '../domain/values/pieces.ts';

const timeoutMs = 5_000;
const bytesMax = 1_048_576;

/** Why a document could not be fetched; the text is for the operator's log. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';
}

export type FetchJson = (url: string) => Promise<unknown>;

/**
 * Resolves to the parsed document, of at most 1 MiB, within 5 seconds; follows no redirect.
 * @throws FetchFailed, in words for the operator.
 */
export async function fetchJson(url: string): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const headers = { accept: 'application/json, application/jwk-set+json' };
    const response = await fetch(url, { redirect: 'manual', signal, headers });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new FetchFailed(`answered ${response.status}; 200 is needed, redirects are not followed`);
    }
    return parse(await readBounded(response));
  } catch (error) {
    if (error instanceof FetchFailed) throw error;
    const reason = signal.aborted ? `did not answer within ${timeoutMs / 1000} seconds` : 'cannot be reached';
    throw new FetchFailed(reason, { cause: error });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) throw new FetchFailed(`answered over ${bytesMax} bytes`);
    addPiece(chunks, chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FetchFailed('answered something that is not JSON');
  }
}
