// Seals what the audit trail has grown by. One process at a time; it reads committed rows only and takes no
// lock that a writer waits for.
import type { JWK } from 'jose';
import { makeSeal, sealEventsMax } from './seals.ts';
import type { Store } from './store.ts';
import type { StoredSeal } from './upkeep-store.ts';

/** Resolves to the seals that it made, oldest first; undefined when another process is sealing. */
export function sealEvents(
  store: Store,
  issuer: string,
  key: JWK,
  onProgress: (sealed: number) => void = () => {},
): Promise<StoredSeal[] | undefined> {
  return store.upkeep.exclusively('seal', async () => {
    const made: StoredSeal[] = [];
    const head = await store.findEventHead();
    let previous = await store.upkeep.findLastSeal();
    while ((previous?.last ?? 0) < head) {
      const after: number = previous?.last ?? 0;
      const leaves = await store.upkeep.listLeaves(after, Math.min(sealEventsMax, head - after));
      const last = leaves.at(-1);
      if (last?.seq !== after + leaves.length || leaves.some(({ leaf }) => leaf === null))
        throw new Error(
          `The audit trail has a gap or an event without its leaf after ${after}; run: revocation-server audit verify`,
        );
      const now = await store.ask((_facts, now) => now);
      const hashes = leaves.map(({ leaf }) => leaf);
      const { number, first, sealedAt, jws } = await makeSeal(previous, hashes, issuer, key, now);
      previous = { number, first, last: last.seq, lastAt: last.at, sealedAt, jws };
      await store.upkeep.appendSeal(previous);
      made.push(previous);
      onProgress(last.seq);
    }
    return made;
  });
}
