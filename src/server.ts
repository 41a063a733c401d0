// The server as a thing that can be started and stopped: store, application, listeners, upkeep.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { trustedPeers } from './addresses.ts';
import { type App, createApp } from './app.ts';
import type { Config } from './config.ts';
import { policyOf } from './domain/policy.ts';
import type { Store } from './domain/store.ts';
import { connectionsMaxOf, Listener } from './http/connection/listener.ts';
import type { Counts, OtherWorkers } from './http/ops/metrics.ts';
import { fetchJson } from './jwt/fetch-json.ts';
import { trustSharedSecret } from './jwt/shared-secret.ts';
import { SigningKeys } from './jwt/signing-keys.ts';
import { Upstream } from './jwt/upstream.ts';
import type { AppParts } from './services.ts';
import { demandSchema, haveMadeSchema, migrateUp } from './store/migrate.ts';
import { openStore, takeServerPlace } from './store/open.ts';
import { startUpkeep } from './upkeep/schedule.ts';
import { SealKeys } from './upkeep/seal-keys.ts';
import type { ThreadSettings } from './upkeep/thread-calls.ts';
import { type TrailWork, trailWorkOn } from './upkeep/trail-work.ts';
import { UpkeepThread } from './upkeep/upkeep-thread.ts';

/** For a million revocations it takes about a second. */
const warmUpMsMax = 5_000;
/** What is under way in the database may take this much longer than the grace period. */
const finishMs = 2_000;

export interface RunningServer {
  readonly url: string;
  readonly adminUrl: string;
  readonly store: Store;
  counts(): Promise<Counts>;
  /** Takes no new connections. */
  refuse(): void;
  /** Stops taking work, lets open requests end, closes the store. What a database that hangs keeps open, stays open. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly nodeVersion: string;
  /** Milliseconds since the epoch; given by tests. */
  readonly now?: () => number;
  /** When this process is one of several workers. */
  readonly otherWorkers?: OtherWorkers;
  /** How many files this process may have open, if there is a limit. */
  readonly openFilesMax?: number;
}

/** What is done once before any process serves: the schema, and in development the keys. */
export async function prepareServer(config: Config, log: Logger): Promise<void> {
  if (config.migrateOnStart) {
    const ran = await migrateUp(config.databaseUrl);
    if (ran.length > 0) log.info({ migrations: ran }, 'the database schema was brought up to date');
    if (config.production && haveMadeSchema(ran))
      log.warn(
        'the database was empty: if tokens were revoked here before, DATABASE_URL names another one now',
      );
  } else {
    // Before the server says that it listens, and before upkeep fails for lack of tables.
    await demandSchema(config.databaseUrl);
  }
  if (!takeServerPlace(config.databaseUrl))
    log.warn(
      'another server works on this database already, which is made for one: stop one of them; for more processes set WORKERS, for more servers see DATABASE_URL in docs/settings.md',
    );
  await demandKeyFiles(config);
}

/** A file that cannot be used is noticed now, not later; in development, one that is not there is made. */
export async function demandKeyFiles(config: Config): Promise<void> {
  if (config.production && config.sealIntervalMs > 0) new SealKeys(config.sealKeyFile).signingKey();
  await signingKeysOf(config)?.published();
}

/** Serves what `prepareServer` has prepared. */
export function startServer(config: Config, log: Logger, options: ServerOptions): Promise<RunningServer> {
  const trailWork = new UpkeepThread(threadSettingsOf(config), log);
  const store = openStore(config.databaseUrl, { lifetimeDaysMax: config.tokenLifetimeDaysMax });
  return serveStore(store, config, log, options, trailWork);
}

/** Serves a store that is already open; `stop` closes it. Seals and exports it here unless told otherwise. */
export async function serveStore(
  store: Store,
  config: Config,
  log: Logger,
  options: ServerOptions,
  work: TrailWork = trailWorkOn(store, config, options.now ?? Date.now),
): Promise<RunningServer> {
  let isDraining = false;
  const keys = new SealKeys(config.sealKeyFile);
  const upkeep = startUpkeep(store, work, config, log);
  const app = createApp({
    ...(await partsOf(config, log, options.now ?? Date.now)),
    store,
    isDraining: () => isDraining,
    nodeVersion: options.nodeVersion,
    otherWorkers: options.otherWorkers ?? null,
    publicSealKeys: async () => keys.publicKeys(),
    trailStatus: {
      destinations: destinationsOf(config),
      purgeable: upkeep.purgeable,
      threadDeaths: () => work.deaths(),
    },
    exportTrail: (...of) => work.exportTrail(...of),
  });
  await store.warmUp(warmUpMsMax);
  const listeners = await openListeners(app, config, log, options.openFilesMax);
  const finish = async (): Promise<true> => {
    await upkeep.stop();
    await app.close().catch(() => log.warn('counts of refused requests could not be written before the end'));
    await store.close();
    return true;
  };
  const stop = async (): Promise<void> => {
    isDraining = true;
    const graceEndsAt = performance.now() + config.shutdownGraceMs;
    await listeners.close();
    // Nobody waits for an answer any more. Of a database that hangs, every statement would take its time.
    const msMax = Math.max(finishMs, graceEndsAt - performance.now());
    const overdue = store.mayBeLeft ? [setTimeout(msMax, false, { ref: false })] : [];
    if (!(await Promise.race([finish(), ...overdue])))
      log.warn('the database did not answer to the end; what is under way there is left to it');
  };
  const { url, adminUrl, refuse } = listeners;
  return { url, adminUrl, store, counts: app.counts, refuse, stop };
}

/** What the application takes from the settings alone. */
export async function partsOf(config: Config, log: Logger, now: () => number) {
  return {
    policy: policyOf(config),
    log,
    now,
    trustedProxies: trustedPeers(config.trustProxy),
    logoutAliases: config.logoutAliases,
    authFailuresPerMinuteMax: config.authFailuresPerMinuteMax,
    introspectionsAtOnceMax: config.introspectionsAtOnceMax,
    confirmSecret: config.confirmSecret ?? randomBytes(32).toString('base64url'),
    hasAdminListener: config.adminPort !== null,
    authorizationServerIssuer: config.authorizationServerIssuer,
    upstream: upstreamOf(config, log, now),
    signingKeys: signingKeysOf(config),
    assertionAudiences: {
      own: [...new Set([config.authorizationServerIssuer, config.publicUrl])],
      legacy: config.assertionAudiences,
    },
    clientCertProxies: trustedPeers(config.clientCertProxies),
    tlsClientAuthorities: config.tlsClientAuthorities,
    sharedSecret: await trustSharedSecret(config.sharedSecret),
    allowHttpKeys: !config.production,
  } satisfies Partial<AppParts>;
}

function destinationsOf({ sealFile, sealWebhookUrl }: Config): AppParts['trailStatus']['destinations'] {
  return [...(sealFile ? (['file'] as const) : []), ...(sealWebhookUrl ? (['webhook'] as const) : [])];
}

async function openListeners(app: App, config: Config, log: Logger, filesMax = Number.POSITIVE_INFINITY) {
  const { host, port, adminHost, adminPort, workers } = config;
  const openFilesMax = app.admin ? filesMax / 2 : filesMax;
  if (connectionsMaxOf(workers, openFilesMax) < connectionsMaxOf(workers, Number.POSITIVE_INFINITY))
    log.warn(
      { open_files_max: filesMax, connections_max: connectionsMaxOf(workers, openFilesMax) },
      'a process may have so few files open that it takes fewer connections; allow more (ulimit -n, LimitNOFILE)',
    );
  const main = await Listener.open(app.main, { host, port, workers, openFilesMax });
  const admin = app.admin
    ? await Listener.open(app.admin, { host: adminHost, port: adminPort ?? 0, workers, openFilesMax })
    : null;
  const all = admin ? [main, admin] : [main];
  return {
    url: main.url,
    adminUrl: (admin ?? main).url,
    refuse() {
      for (const listener of all) listener.refuse();
    },
    close: () => Promise.all(all.map((listener) => listener.close(config.shutdownGraceMs))),
  };
}

function threadSettingsOf(config: Config): ThreadSettings {
  const { databaseUrl, publicUrl, production, sealKeyFile, sealFile, sealWebhookUrl } = config;
  return { databaseUrl, publicUrl, production, sealKeyFile, sealFile, sealWebhookUrl };
}

function signingKeysOf({ signingKeysFile, production }: Config): SigningKeys | null {
  return signingKeysFile === null ? null : new SigningKeys(signingKeysFile, { mayCreate: !production });
}

function upstreamOf(config: Config, log: Logger, now: () => number): Upstream | null {
  const { upstreamMetadata: given, upstreamMetadataUrl: url, authorizationServerIssuer: issuer } = config;
  return given || url ? new Upstream({ given, url, issuer, fetchJson, now, log }) : null;
}
