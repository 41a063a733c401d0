// Ids that count once: the guarded insert is the check, so of many uses at once, across all processes, only one
// counts.
import type { Decision, Store, UsedId } from './store.ts';

/** Uses up an id; false if it was used before. Rejects with `StoreUnavailable`. */
export function useId(store: Store, id: UsedId): Promise<boolean> {
  return store.write((facts): Decision<boolean> => {
    const isUsed = facts.isUsed(id.digest);
    return { outcome: !isUsed, effects: isUsed ? {} : { usedIds: [id] } };
  });
}
