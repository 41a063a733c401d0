// What an application is made of, for tests that make one without a server: settings as they are by default.
import { type AppParts, policyOf } from '../../src/app.ts';
import { readConfig, trustedPeers } from '../../src/config.ts';
import type { Store } from '../../src/domain/store.ts';
import { trustSharedSecret } from '../../src/jwt/shared-secret.ts';
import { createLog } from '../../src/log.ts';

export async function defaultParts(store: Store, over: Partial<AppParts> = {}): Promise<AppParts> {
  const config = readConfig({ PUBLIC_URL: 'https://tokens.example' });
  return {
    store,
    policy: policyOf(config),
    log: createLog({ level: 'silent', format: 'json', write: () => {} }),
    trusted: trustedPeers([]),
    logoutAliases: [],
    authFailuresPerMinuteMax: 1,
    confirmSecret: 'a secret of this test',
    separateAdmin: false,
    issuer: config.authorizationServerIssuer,
    upstream: null,
    signingKeys: null,
    assertionAudiences: { own: [config.publicUrl], legacy: [] },
    clientCertProxies: trustedPeers([]),
    tlsClientAuthorities: [],
    sharedSecret: await trustSharedSecret(config.sharedSecret),
    allowHttpKeys: true,
    isDraining: () => false,
    nodeVersion: 'v0',
    now: Date.now,
    ...over,
  };
}
