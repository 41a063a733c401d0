// The store that tests run on. TEST_BATCHES runs the whole suite another way, since batching may change no
// answer: `one` gives every question and decision a batch of its own; `full` puts each into the middle of a
// full batch, between neighbours that look something up, throw, or are refused by the database.
import { eventOf, systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import type { Decision, Facts, Store } from '../../src/domain/store.ts';
import { openStore, type StoreOptions } from '../../src/store/open.ts';

const batchMax = 10;
/** Without a limit, as an array of a thousand takes a thousand batches. */
const patient = { waitMsMax: Number.POSITIVE_INFINITY };
/** One decision in so many has a neighbour that the database refuses: then each is committed alone. */
const decisionsPerRefusal = 7;

export function openTestStore(databaseUrl: string, options: StoreOptions): Store {
  switch (process.env.TEST_BATCHES ?? '') {
    case '':
      return openStore(databaseUrl, options);
    case 'one':
      return openStore(databaseUrl, { ...options, ...patient, batchMax: 1 });
    case 'full':
      return amongNeighbours(openStore(databaseUrl, { ...options, ...patient, batchMax }));
    default:
      throw new Error('TEST_BATCHES is neither one nor full');
  }
}

const lookUp = (facts: Facts) => void facts.token(digestOf('a token that nobody has'));
const fail = () => {
  throw new Error('a neighbour fails');
};
const decideNothing = (facts: Facts): Decision<void> => ({ outcome: lookUp(facts), effects: {} });
const decideWhatIsRefused = (): Decision<void> => {
  const event = eventOf(systemOrigin, 'login', {});
  return { outcome: undefined, effects: { events: [{ ...event, action: null } as never] } };
};

function amongNeighbours(store: Store): Store {
  const ask = store.ask.bind(store);
  const write = store.write.bind(store);
  let decisions = 0;
  store.ask = (question, line, tokens) =>
    inTheMiddle(
      () => ask(question, line, tokens),
      (n) => ask(n % 3 === 0 ? fail : lookUp),
    );
  store.write = (decide, line) => {
    decisions += 1;
    const isRefused = decisions % decisionsPerRefusal === 0;
    const neighbour = (n: number) => (n % 3 === 0 ? fail : decideNothing);
    return inTheMiddle(
      () => write(decide, line),
      (n) => write<void>(isRefused && n === 1 ? decideWhatIsRefused : neighbour(n)),
    );
  };
  return store;
}

/** The neighbour's result does not matter. */
function inTheMiddle<T>(work: () => Promise<T>, neighbour: (n: number) => Promise<unknown>): Promise<T> {
  let result: Promise<T> | undefined;
  for (let n = 0; n < batchMax; n++) {
    if (n === batchMax / 2) result = work();
    else neighbour(n).catch(() => {});
  }
  return result as Promise<T>;
}
