// Records dead tokens that are presented at /introspect: stolen ones may be tried there. Each token is recorded once
// per caller and interval, after its answer has left, and together with others; the answer only waits for a look into
// a bounded memory.
import { LRUCache } from 'lru-cache';
import { about, eventOf, type NewEvent, type Origin } from '../../domain/audit.ts';
import { type Claims, tokenRef } from '../../domain/claims.ts';
import { recordEvents, type Store } from '../../domain/store.ts';

const intervalMs = 600_000;
const rememberedMax = 10_000;
/** When the database cannot keep up, further ones are dropped, never waited for. */
const waitingMax = 1_000;
const gatherMs = 100;

export class DeadTokenRecorder {
  readonly #store: Store;
  readonly #now: () => number;
  /** When each was recorded last. */
  readonly #noted = new LRUCache<string, number>({ max: rememberedMax });
  #waiting: NewEvent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  note(origin: Origin, claims: Claims, reason: string): void {
    const key = `${tokenRef(claims)} ${origin.actor.id}`;
    if (this.#isRecent(key) || this.#waiting.length >= waitingMax) return;
    this.#noted.set(key, this.#now());
    this.#waiting.push(eventOf(origin, 'dead_token_presented', { reason, ...about(claims) }));
    this.#timer ??= setTimeout(() => void this.flush(), gatherMs).unref();
  }

  /** A time far in the future means that the clock was set back. */
  #isRecent(key: string): boolean {
    const notedAt = this.#noted.get(key);
    return notedAt !== undefined && Math.abs(this.#now() - notedAt) < intervalMs;
  }

  /** Writes what waits. A token that could not be recorded is recorded when it is presented again. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > 0) this.#writing = this.#write(events);
    await this.#writing;
  }

  async #write(events: readonly NewEvent[]): Promise<void> {
    try {
      await recordEvents(this.#store, events);
    } catch {
      for (const event of events) this.#noted.delete(`${event.tokenRef} ${event.actor.id}`);
    }
  }
}
