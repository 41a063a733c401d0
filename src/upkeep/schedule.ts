// What the server does by itself beside answering: sealing and sending on one interval, purging on another.
// Any number of processes may run this; a lock sees to it that one works at a time.
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { systemOrigin } from '../domain/audit.ts';
import { countPurgeable, type PurgeCounts, type PurgePolicy, purge } from '../domain/purge.ts';
import { sealEvents } from '../domain/seal-events.ts';
import type { Store } from '../domain/store.ts';
import type { StoredSeal } from '../domain/upkeep-store.ts';
import type { SealKeys } from './seal-keys.ts';
import { sendSeals } from './send-seals.ts';

type SealConfig = Pick<Config, 'publicUrl' | 'production' | 'sealFile' | 'sealWebhookUrl'>;

/** Seals what is unsealed, then sends what is unsent. Undefined when another process is at it. */
export async function sealAndSend(
  store: Store,
  config: SealConfig,
  keys: SealKeys,
  onProgress?: (sealed: number) => void,
): Promise<StoredSeal[] | undefined> {
  // In production a key that nobody made is a mistake of the operator's, and no new one may hide it.
  if (!config.production && !keys.exists) await keys.rotate();
  const made = await sealEvents(store, config.publicUrl, keys.signingKey(), onProgress);
  if (made === undefined) return undefined;
  const destinations = { file: config.sealFile, webhookUrl: config.sealWebhookUrl };
  await store.upkeep.exclusively('seal', () => sendSeals(store, destinations));
  return made;
}

export interface Upkeep {
  purgeable(): PurgeCounts;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

export function startUpkeep(
  store: Store,
  config: Config,
  policy: PurgePolicy,
  keys: SealKeys,
  log: Logger,
): Upkeep {
  let purgeable: PurgeCounts = {};
  const jobs = [
    every(config.sealIntervalMs, async () => {
      try {
        await sealAndSend(store, config, keys);
      } catch (error) {
        log.error(
          { error: nameOf(error) },
          'sealing or sending seals failed; it is tried again, see /metrics',
        );
      }
    }),
    every(config.purgeIntervalMs, async () => {
      try {
        const rows = await purge(store, policy, systemOrigin);
        if (rows) log.info({ rows }, 'purged');
        purgeable = await countPurgeable(store, policy);
      } catch (error) {
        log.error({ error: nameOf(error) }, 'purging failed; it is tried again, see /metrics');
      }
    }),
  ];
  return {
    purgeable: () => purgeable,
    stop: async () => void (await Promise.all(jobs.map((stop) => stop()))),
  };
}

/** Runs `job` again and again, never twice at once. An interval of 0 means never. */
function every(intervalMs: number, job: () => Promise<void>): () => Promise<void> {
  if (intervalMs === 0) return async () => {};
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= job().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** Messages of databases quote statements; names and our own sentences do not. */
function nameOf(error: unknown): string {
  const { name, message, cause } = error as Error;
  const reason = cause === undefined ? '' : `: ${(cause as { code?: string }).code ?? (cause as Error).name}`;
  return name === 'StoreUnavailable' ? `${name}${reason}` : `${name}: ${message}${reason}`;
}
