// Last activity of sessions, sampled from introspection. It is kept in memory and written now and then, for many
// sessions together, so that no request waits for it. A crash loses a few seconds of it.
import type { Store } from '../../domain/store.ts';

const flushMs = 5_000;
/** A session seen again within this time is not written again. */
const sampleMs = 60_000;
const sessionsMax = 20_000;
const sessionsPerWrite = 500;

export class SessionActivity {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  /** By issuer. */
  readonly #pending = new Map<string, string[]>();
  /** By issuer; `#recentCount` sessions in all. */
  #recent = new Map<string, Set<string>>();
  #recentCount = 0;
  #recentSince: number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
    this.#recentSince = now();
    this.#timer = setInterval(() => void this.flush().catch(() => {}), flushMs);
    this.#timer.unref();
  }

  /** Somebody used a token of this session. */
  touch(issuer: string, sessionId: string): void {
    const recent = this.#recent.get(issuer) ?? new Set();
    if (recent.has(sessionId) || this.#recentCount >= sessionsMax) return;
    this.#recent.set(issuer, recent.add(sessionId));
    this.#recentCount += 1;
    const pending = this.#pending.get(issuer) ?? [];
    pending.push(sessionId);
    this.#pending.set(issuer, pending);
  }

  async flush(): Promise<void> {
    const now = this.#now();
    // By either sign: after a clock was set back by a year, no session would be written for a year.
    if (Math.abs(now - this.#recentSince) >= sampleMs) {
      this.#recent = new Map();
      this.#recentCount = 0;
      this.#recentSince = now;
    }
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const [issuer, sessionIds] of pending)
      for (let from = 0; from < sessionIds.length; from += sessionsPerWrite)
        await this.#store.touchSessions(issuer, sessionIds.slice(from, from + sessionsPerWrite), now);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
