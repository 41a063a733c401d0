// The application without a server around it, for tests of what a running server cannot be made to show.
import { type App, createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Store } from '../../src/domain/store.ts';
import { exportEvents } from '../../src/domain/trail/export-trail.ts';
import { createLog } from '../../src/log.ts';
import { partsOf } from '../../src/server.ts';
import type { AppParts } from '../../src/services.ts';

export async function appOn(store: Store, parts: Partial<AppParts> = {}): Promise<App> {
  const config = readConfig({ PUBLIC_URL: 'https://tokens.example', AUTH_FAILURES_PER_MINUTE_MAX: '1' });
  const log = createLog({ level: 'silent', format: 'json', write: () => {} });
  return createApp({
    ...(await partsOf(config, log, Date.now)),
    store,
    signingKeys: null,
    isDraining: () => false,
    trailStatus: { destinations: [], purgeable: () => ({}), threadDeaths: () => 0 },
    exportTrail: (filter, after, format) => exportEvents(store, filter, after, format),
    publicSealKeys: async () => ({ keys: [] }),
    nodeVersion: process.version,
    otherWorkers: null,
    ...parts,
  });
}
