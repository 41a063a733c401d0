// The application without a server around it, for tests of what a running server cannot be made to show.
import { trustedPeers } from '../../src/addresses.ts';
import { type App, createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { policyOf } from '../../src/domain/policy.ts';
import type { Store } from '../../src/domain/store.ts';
import { exportEvents } from '../../src/domain/trail/export-trail.ts';
import { trustSharedSecret } from '../../src/jwt/shared-secret.ts';
import { createLog } from '../../src/log.ts';
import type { AppParts } from '../../src/services.ts';

export async function appOn(store: Store, parts: Partial<AppParts> = {}): Promise<App> {
  const config = readConfig({ PUBLIC_URL: 'https://tokens.example' });
  return createApp({
    store,
    policy: policyOf(config),
    log: createLog({ level: 'silent', format: 'json', write: () => {} }),
    trustedProxies: trustedPeers([]),
    logoutAliases: [],
    authFailuresPerMinuteMax: 1,
    introspectionsAtOnceMax: 1000,
    confirmSecret: 'a-secret-of-at-least-32-characters',
    hasAdminListener: false,
    authorizationServerIssuer: config.authorizationServerIssuer,
    upstream: null,
    signingKeys: null,
    assertionAudiences: { own: [config.publicUrl], legacy: [] },
    clientCertProxies: trustedPeers([]),
    tlsClientAuthorities: [],
    sharedSecret: await trustSharedSecret(config.sharedSecret),
    allowHttpKeys: false,
    isDraining: () => false,
    trailStatus: { destinations: [], purgeable: () => ({}), threadDeaths: () => 0 },
    exportTrail: (filter, after, format) => exportEvents(store, filter, after, format),
    publicSealKeys: async () => ({ keys: [] }),
    nodeVersion: process.version,
    now: Date.now,
    otherWorkers: null,
    ...parts,
  });
}
