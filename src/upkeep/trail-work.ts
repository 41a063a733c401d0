// The long-running work on the audit trail: sealing it, sending the seals, exporting it. Here it is done on a given
// store; a server that opens its own store leaves it to a thread (upkeep-thread.ts), which uses this.
import type { Config } from '../config.ts';
import type { Store } from '../domain/store.ts';
import { type ExportTrail, exportEvents } from '../domain/trail/export-trail.ts';
import { type Sealed, type Sealing, sealEvents } from '../domain/trail/seal-events.ts';
import { SealKeys } from './seal-keys.ts';
import { sendSeals } from './send-seals.ts';

export type SealConfig = Pick<
  Config,
  'publicUrl' | 'production' | 'sealKeyFile' | 'sealFile' | 'sealWebhookUrl'
>;

export interface TrailWork {
  /** Seals what is unsealed, then sends what is unsent; does nothing when another process is doing it. */
  seal(): Promise<void>;
  readonly exportTrail: ExportTrail;
  /** How often the thread that does this has died. */
  deaths(): number;
  /** Ends sealing at a whole seal; resolves when nothing is under way. */
  stop(): Promise<void>;
}

type SealOptions = Pick<Sealing, 'now' | 'signal' | 'onProgress'>;

/** Seals what is unsealed, then sends what is unsent. Undefined when another process is doing it. */
export async function sealAndSend(
  store: Store,
  config: SealConfig,
  options: SealOptions,
): Promise<Sealed | undefined> {
  const keys = new SealKeys(config.sealKeyFile);
  // In production a missing key is the operator's mistake, which a new key must not hide.
  if (!config.production) await keys.makeFirst();
  const sealing = { issuer: config.publicUrl, key: keys.signingKey(), ...options };
  const sealed = await sealEvents(store, sealing);
  if (sealed === undefined || options.signal?.aborted) return sealed;
  const destinations = { file: config.sealFile, webhookUrl: config.sealWebhookUrl };
  try {
    await store.upkeep.exclusively('seal', () => sendSeals(store, destinations, options.signal));
  } catch (error) {
    if (!options.signal?.aborted) throw error;
  }
  return sealed;
}

/** Works on `store` in this very thread. The caller keeps the store: `stop` does not close it. */
export function trailWorkOn(store: Store, config: SealConfig, now: () => number): TrailWork {
  const stopping = new AbortController();
  let sealing: Promise<unknown> = Promise.resolve();
  return {
    async seal() {
      const run = sealAndSend(store, config, { now, signal: stopping.signal });
      sealing = run.catch(() => {});
      await run;
    },
    exportTrail: (filter, after, format) => exportEvents(store, filter, after, format),
    deaths: () => 0,
    async stop() {
      stopping.abort();
      await sealing;
    },
  };
}
