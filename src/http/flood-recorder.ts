// Events that callers can cause at will (failed authentications, unknown tokens, refused requests). The first few per
// action, network and caller in a minute are written singly, the rest as one event with a count: a flood must not
// fill the disk, as revocations need room for their events.
import { networkOf } from '../addresses.ts';
import { type Actor, eventOf, type NewEvent, systemOrigin } from '../domain/audit.ts';
import { recordEvents, type Store } from '../domain/store.ts';

const singlyPerMinute = 10;
const minuteMs = 60_000;
/** Distinct floods remembered per minute; beyond it the network is left out. */
const floodsMax = 10_000;

interface Tally {
  readonly event: NewEvent;
  /** The address of all of them; null when they came from several. */
  ip: string | null;
  seen: number;
}

export class FloodRecorder {
  readonly #store: Store;
  readonly #timer: NodeJS.Timeout;
  #tallies = new Map<string, Tally>();

  constructor(store: Store) {
    this.#store = store;
    this.#timer = setInterval(() => void this.flush().catch(() => {}), minuteMs);
    this.#timer.unref();
  }

  /** Resolves when the event is durable, or at once when it is only counted. */
  async record(event: NewEvent): Promise<void> {
    const network = this.#tallies.size < floodsMax ? networkOf(event.ip ?? '') : '';
    const key = JSON.stringify([event.action, network, event.actor, event.metadata.code]);
    const tally = this.#tallies.get(key) ?? { event, ip: event.ip, seen: 0 };
    this.#tallies.set(key, tally);
    tally.seen += 1;
    if (tally.ip !== event.ip) tally.ip = null;
    if (tally.seen <= singlyPerMinute) {
      await recordEvents(this.#store, [event], 'unvouched');
    }
  }

  /** Writes the counts of the minute and begins a new one. */
  async flush(): Promise<void> {
    const events = [...this.#tallies.values()]
      .filter((tally) => tally.seen > singlyPerMinute)
      .map(({ event, ip, seen }) =>
        eventOf({ ...systemOrigin, ip, actor: actorOf(event) }, event.action, {
          reason: event.reason,
          count: seen - singlyPerMinute,
          metadata: 'code' in event.metadata ? { code: event.metadata.code } : {},
        }),
      );
    const counted = this.#tallies;
    this.#tallies = new Map();
    if (events.length === 0) return;
    try {
      await recordEvents(this.#store, events);
    } catch (error) {
      this.#countAgain(counted);
      throw error;
    }
  }

  /** Adds counts that could not be written to those of the next minute, without what was already written singly. */
  #countAgain(counted: ReadonlyMap<string, Tally>): void {
    for (const [key, { event, ip, seen }] of counted) {
      if (seen <= singlyPerMinute) continue;
      const tally = this.#tallies.get(key) ?? { event, ip, seen: 0 };
      if (tally.ip !== ip) tally.ip = null;
      tally.seen = Math.max(tally.seen, singlyPerMinute) + seen - singlyPerMinute;
      this.#tallies.set(key, tally);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** A caller that proved nothing is not named. */
function actorOf({ actor }: NewEvent): Actor {
  return actor.id === null ? systemOrigin.actor : actor;
}
