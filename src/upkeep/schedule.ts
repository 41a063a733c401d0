// What the server does by itself beside answering: sealing and sending on one interval, purging on another.
// Any number of processes may run this; a lock sees to it that one works at a time.
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { systemOrigin } from '../domain/audit.ts';
import {
  countPurgeable,
  noteSettings,
  type PurgeCounts,
  type PurgePolicy,
  purge,
} from '../domain/purge/purge.ts';
import type { Store } from '../domain/store.ts';
import { loggedSentenceOf } from '../logged-errors.ts';
import type { TrailWork } from './trail-work.ts';

/** What purging needs to know of the settings. */
export function purgePolicyOf(config: Config): PurgePolicy {
  const { publicUrl, sharedSecret, tokenLifetimeDaysMax, auditRetentionDays } = config;
  const signers = sharedSecret.secrets.length === 0 ? [] : [publicUrl, ...sharedSecret.issuers];
  return { lifetimeDaysMax: tokenLifetimeDaysMax, auditRetentionDays, signers };
}

export interface Upkeep {
  purgeable(): PurgeCounts;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Seals by way of `work`; purges `store` itself, in small steps. */
export function startUpkeep(store: Store, work: TrailWork, config: Config, log: Logger): Upkeep {
  const { sealIntervalMs, purgeIntervalMs } = config;
  const policy = purgePolicyOf(config);
  let purgeable: PurgeCounts = {};
  const ending = new AbortController();
  const jobs = [
    every(sealIntervalMs, async () => {
      try {
        await work.seal();
      } catch (error) {
        log.error(
          { error: loggedSentenceOf(error) },
          'sealing or sending seals failed; it is tried again, see /metrics',
        );
      }
    }),
    every(purgeIntervalMs, async () => {
      try {
        // Pauses between steps for as long as each took, so that requests can use the writer.
        const rows = await purge(store, policy, systemOrigin, { signal: ending.signal, rest: setTimeout });
        if (rows) log.info({ rows }, 'purged');
        if (!ending.signal.aborted) purgeable = await countPurgeable(store, policy);
      } catch (error) {
        log.error({ error: loggedSentenceOf(error) }, 'purging failed; it is tried again, see /metrics');
      }
    }),
  ];
  const noted = noteSettings(store, policy).catch((error) =>
    log.error(
      { error: loggedSentenceOf(error) },
      'what purging must know of the settings could not be noted in the database; the next purge does so',
    ),
  );
  return {
    purgeable: () => purgeable,
    stop: async () => {
      ending.abort();
      await Promise.all([noted, work.stop(), ...jobs.map((stop) => stop())]);
    },
  };
}

/** The first run comes within this time, so that short-lived processes run it, too. */
const firstMsMax = 60_000;

/** Runs `job`, which handles its own errors, again and again, never twice at once. An interval of 0 means never. */
function every(intervalMs: number, job: () => Promise<void>): () => Promise<void> {
  if (intervalMs === 0) return async () => {};
  const ending = new AbortController();
  const rest = (ms: number) => setTimeout(ms, undefined, { ref: false, signal: ending.signal });
  const run = async () => {
    for (let ms = Math.min(intervalMs, firstMsMax); ; ms = intervalMs) {
      await rest(ms);
      await job();
    }
  };
  const ended = run().catch(() => {});
  return async () => {
    ending.abort();
    await ended;
  };
}
