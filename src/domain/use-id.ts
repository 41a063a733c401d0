// Ids that count once: the guarded insert is the check, so of many uses at once, across all processes, only one
// counts.
import type { Decision, Store, UsedId } from './store.ts';

/** Uses up an id; of all processes only one gets `used_now`. Rejects with `StoreUnavailable`. */
export async function useId(store: Store, id: UsedId): Promise<'used_now' | 'used_before'> {
  return store.write((facts): Decision<'used_now' | 'used_before'> => {
    if (facts.isUsed(id.digest)) return { outcome: 'used_before', effects: {} };
    return { outcome: 'used_now', effects: { usedIds: [id] } };
  });
}
