// Many items, which may still be coming, are worked on side by side and answered in their order, a group at a time.

/** Items in a group, which share commits. More of them would hold more memory than the time they save is worth. */
const itemsAtOnce = 200;

/**
 * Takes constant memory for any number of items. While one group is committed the next is prepared; but no answer waits
 * for what comes after its group, as the caller may send that only when it has the answer.
 */
export async function* inGroups<Item, Answer>(
  chunks: AsyncGenerator<readonly Item[]>,
  answer: (index: number, item: Item) => Promise<Answer>,
): AsyncGenerator<Answer[]> {
  let index = 0;
  let group: Promise<Answer>[] = [];
  let before: Promise<Answer[]> | undefined;
  try {
    for (;;) {
      const reading = chunks.next();
      if (before && (await isFirst(before, reading))) {
        yield await before;
        before = undefined;
      }
      const { done, value: items } = await reading;
      if (done) break;
      for (const item of items) {
        group.push(answer(index++, item));
        if (group.length < itemsAtOnce) continue;
        if (before) yield await before;
        before = Promise.all(group);
        group = [];
      }
    }
    if (before) yield await before;
    if (group.length > 0) yield await Promise.all(group);
  } finally {
    chunks.return(undefined).catch(() => {});
  }
}

/** Does `one` settle before `other`? Either may succeed or fail. */
function isFirst(one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  const settled = (promise: Promise<unknown>, answer: boolean) =>
    promise.then(
      () => answer,
      () => answer,
    );
  return Promise.race([settled(one, true), settled(other, false)]);
}
