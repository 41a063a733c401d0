// How storage fails: it cannot answer, or too many wait for it.
import type { WaitingLine } from './store.ts';

/** Storage cannot answer or cannot promise durability: 503, and nothing was said. */
export class StoreUnavailable extends Error {
  override readonly name: string = 'StoreUnavailable';
}

const ofLine: Readonly<Record<WaitingLine, string>> = {
  vouched: 'requests',
  bulk: 'introspections and registrations',
  unvouched: 'requests without client authentication',
};

/** A line is full, or an item waited in it for too long. The message may leave the process. */
export class StoreOverloaded extends StoreUnavailable {
  override readonly name = 'StoreOverloaded';
  readonly line: WaitingLine;

  constructor(line: WaitingLine, what: string) {
    super(`${what}; try again`);
    this.line = line;
  }

  static full(line: WaitingLine, waitingMax: number): StoreOverloaded {
    return new StoreOverloaded(line, `too many ${ofLine[line]} wait, at most ${waitingMax} may`);
  }

  static late(line: WaitingLine, waitMsMax: number): StoreOverloaded {
    return new StoreOverloaded(line, `the request waited for over ${waitMsMax / 1000} seconds`);
  }
}
