// Work on many items in two steps: they are prepared side by side, however long each takes, and acted on in the order
// in which they came.

/** Begins to act on an item when all before it have begun, or could not be prepared. */
export type InTurn = <Prepared, Outcome>(
  preparing: Promise<Prepared>,
  act: (prepared: Prepared) => Promise<Outcome>,
) => Promise<Outcome>;

export function inTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (preparing, act) => {
    const before = last;
    const begun = preparing.then(async (prepared) => {
      await before;
      // Within an object, so that only the beginning of `act` is awaited, not its end.
      return { outcome: act(prepared) };
    });
    last = begun.catch(() => before);
    return begun.then(({ outcome }) => outcome);
  };
}
