// Reads a trail for the verifier: from the database, or from an NDJSON export and a file of seals.
import { createReadStream } from 'node:fs';
import type { Store } from '../domain/store.ts';
import { eventFromRecord, UnreadableRecord } from '../domain/trail/audit-record.ts';
import type { CheckedEvent } from '../domain/trail/verify-trail.ts';
import type { StoredSeal } from '../domain/upkeep-store.ts';
import { parseUnambiguous } from '../domain/values/json-values.ts';

const pageSize = 1000;

export async function* storedEvents(store: Store): AsyncGenerator<CheckedEvent> {
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const page = await store.upkeep.listStoredEvents(after, pageSize);
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.event.seq ?? after;
  }
}

export async function storedSeals(store: Store): Promise<StoredSeal[]> {
  const seals: StoredSeal[] = [];
  for (let after = 0; ; ) {
    const page = await store.upkeep.listSeals(after, pageSize);
    seals.push(...page);
    if (page.length < pageSize) return seals;
    after = page.at(-1)?.number ?? after;
  }
}

/** Throws UnreadableRecord, which names the line, if a line is no event. */
export async function* exportedEvents(path: string): AsyncGenerator<CheckedEvent> {
  let number = 0;
  for await (const line of linesOf(path)) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      yield { event: eventFromRecord(parseUnambiguous(line)) };
    } catch (error) {
      const problem = error instanceof UnreadableRecord ? error.message : 'it is not JSON';
      throw new UnreadableRecord(`line ${number} of ${path} cannot be read: ${problem}`);
    }
  }
}

/**
 * One compact JWS a line, as SEAL_FILE and `audit seals` have them. Throws UnreadableRecord if a line is none, or there is
 * none: what was cut off or replaced would pass, and be taken for checked against the seals kept elsewhere.
 */
export async function readSealLines(path: string): Promise<string[]> {
  const seals: string[] = [];
  let number = 0;
  for await (const line of linesOf(path)) {
    number += 1;
    const seal = line.trim();
    if (seal === '') continue;
    // It may be a page of the API: an intact trail must not be reported to have a broken seal.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(seal))
      throw new UnreadableRecord(`${path} is not a list of seals, one a line: see line ${number}`);
    seals.push(seal);
  }
  if (seals.length === 0)
    throw new UnreadableRecord(
      `${path} has no seal in it, so it proves nothing. Name another; or seal first: audit seal`,
    );
  return seals;
}

/** Only a line feed ends a line: `node:readline` may also end one at U+2028 and U+2029, which JSON leaves in strings. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const text of createReadStream(path, 'utf8')) {
    const lines = text.split('\n');
    // Not split again: a file that is no export may be one long line.
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
