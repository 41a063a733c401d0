// Last activity of sessions, sampled from introspection: remembered here and written now and then, many
// together, so that no request waits for it and none costs a write. What a crash loses is a few seconds.
import type { Store } from '../domain/store.ts';

const flushMs = 5_000;
/** A session seen again within this time is not written again. */
const sampleMs = 60_000;
const sessionsMax = 20_000;
const sessionsPerWrite = 500;

export class SessionActivity {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Set<string>();
  #recent = new Set<string>();
  #recentSince: number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
    this.#recentSince = now();
    this.#timer = setInterval(() => void this.flush().catch(() => {}), flushMs);
    this.#timer.unref();
  }

  /** Somebody used a token of this session. */
  touch(sessionId: string): void {
    if (this.#recent.has(sessionId) || this.#recent.size >= sessionsMax) return;
    this.#recent.add(sessionId);
    this.#pending.add(sessionId);
  }

  async flush(): Promise<void> {
    const now = this.#now();
    if (now - this.#recentSince >= sampleMs) {
      this.#recent = new Set();
      this.#recentSince = now;
    }
    const sessionIds = [...this.#pending];
    this.#pending.clear();
    for (let from = 0; from < sessionIds.length; from += sessionsPerWrite)
      await this.#store.touchSessions(sessionIds.slice(from, from + sessionsPerWrite), now);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
