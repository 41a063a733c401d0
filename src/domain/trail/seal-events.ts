// Seals the events that were added to the audit trail. One process at a time does it. It reads committed rows only;
// writers wait for no more than one short commit for several seals.
import type { JWK } from 'jose';
import type { Store } from '../store.ts';
import type { StoredSeal } from '../upkeep-store.ts';
import { makeSeal, sealEventsMax } from './seals.ts';

export interface Sealing {
  readonly issuer: string;
  readonly key: JWK;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Once aborted, sealing ends after the few seals that are being made; what was sealed stays so. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (sealed: number) => void;
}

export interface Sealed {
  /** How many seals were made. */
  readonly seals: number;
  /** Events up to here are sealed now. */
  readonly through: number;
}

/** Seals written together: a long tail costs one commit for several. */
const sealsAtOnce = 16;

/** Seals up to where the trail ended when this began; undefined when another process is sealing. */
export function sealEvents(store: Store, sealing: Sealing): Promise<Sealed | undefined> {
  return store.upkeep.exclusively('seal', async () => {
    const head = await store.findEventHead();
    let previous = await store.upkeep.findLastSeal();
    const before = previous?.number ?? 0;
    while ((previous?.last ?? 0) < head && !sealing.signal?.aborted) {
      const made: StoredSeal[] = [];
      while ((previous?.last ?? 0) < head && made.length < sealsAtOnce) {
        previous = await sealNext(store, previous, head, sealing);
        made.push(previous);
      }
      await store.upkeep.appendSeals(made);
      sealing.onProgress?.(previous?.last ?? 0);
    }
    return { seals: (previous?.number ?? 0) - before, through: previous?.last ?? 0 };
  });
}

async function sealNext(
  store: Store,
  previous: StoredSeal | undefined,
  head: number,
  { issuer, key, now }: Sealing,
): Promise<StoredSeal> {
  const after = previous?.last ?? 0;
  const last = Math.min(after + sealEventsMax, head);
  const leaves = await store.upkeep.listLeaves(after + 1, last);
  const end = await store.findEvent(last);
  if (!end || leaves.length < last - after)
    throw new Error(
      `The audit trail has a gap or an event without its leaf after ${after}; run: npm run -s cli -- audit verify`,
    );
  const { number, first, sealedAt, jws } = await makeSeal(previous, leaves, issuer, key, now());
  return { number, first, last, lastAt: end.at, sealedAt, jws };
}
