// Work on many items in two steps: they are prepared side by side, however long each takes, and acted on in the order
// in which they came.

/** Begins to act on an item when all before it have begun, or could not be prepared. */
export type InTurn = <Prepared, Outcome>(
  preparing: Promise<Prepared>,
  act: (prepared: Prepared) => Promise<Outcome>,
) => Promise<Outcome>;

export function inTurn(): InTurn {
  let last: Promise<void> = Promise.resolve();
  return async (preparing, act) => {
    const before = last;
    let letNext = (): void => {};
    last = new Promise((resolve) => {
      letNext = () => resolve(before);
    });
    try {
      const prepared = await preparing;
      await before;
      return act(prepared);
    } finally {
      letNext();
    }
  };
}
