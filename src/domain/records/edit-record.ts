// Changing the record of a client or an issuer: it is read, edited, and written if it is still as it was read; or only
// suspended and resumed.
import { isDeepStrictEqual } from 'node:util';
import type { Decision, Effects, Facts, Store } from '../store.ts';

/** What a record is to be, and the names of the members that change. */
export interface Edit<Fields> {
  readonly fields: Fields;
  readonly changed: readonly string[];
}

/**
 * Resolves to the outcome of `decide`, or to undefined if there is no such record. `edit` is asked again when another
 * change came between its reading and our writing.
 */
export async function editRecord<Item, Edited, Outcome extends object>(
  store: Store,
  find: (facts: Facts) => Item | undefined,
  edit: (item: Item) => Promise<Edited>,
  decide: (before: Item, edited: Edited, facts: Facts, now: number) => Decision<Outcome>,
): Promise<Outcome | undefined> {
  for (;;) {
    const before = await store.ask(find);
    if (!before) return undefined;
    const edited = await edit(before);
    const outcome = await store.write((facts, now): Decision<Outcome | null> => {
      const isSame = isDeepStrictEqual(find(facts), before);
      return isSame ? decide(before, edited, facts, now) : { outcome: null, effects: {} };
    });
    if (outcome) return outcome;
  }
}

/**
 * Suspends a record or lifts its suspension. Resolves to the record as it is then; undefined if there is none. `effectsOf`
 * is not asked if the record is so already; `disabledAt` is null for one that is resumed.
 */
export function switchRecord<Item extends { readonly disabledAt: number | null }>(
  store: Store,
  find: (facts: Facts) => Item | undefined,
  enabled: boolean,
  effectsOf: (disabledAt: number | null) => Effects,
): Promise<Item | undefined> {
  return store.write((facts, now): Decision<Item | undefined> => {
    const item = find(facts);
    if (!item || enabled === (item.disabledAt === null)) return { outcome: item, effects: {} };
    const disabledAt = enabled ? null : now;
    return { outcome: { ...item, disabledAt }, effects: effectsOf(disabledAt) };
  });
}
