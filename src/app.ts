// The whole server on one screen: the middleware in its order, and every route.
import type { BlockList } from 'node:net';
import Router from '@koa/router';
import type { JSONWebKeySet } from 'jose';
import Koa from 'koa';
import type { Logger } from 'pino';
import type { Policy } from './domain/policy.ts';
import type { Store } from './domain/store.ts';
import { type AuthMethod, authMethods } from './domain/vocabulary.ts';
import { handleListEvents, handleShowEvent } from './http/audit-events.ts';
import { handleExport } from './http/audit-export.ts';
import { handleSeals } from './http/audit-seals.ts';
import { handleSummary } from './http/audit-summary.ts';
import { ClientAuth } from './http/client-auth.ts';
import { ClientDirectory } from './http/client-directory.ts';
import { handleClients } from './http/clients.ts';
import type { Context, Next, State } from './http/context.ts';
import { cors } from './http/cors.ts';
import { DeadTokenRecorder } from './http/dead-token-recorder.ts';
import { handleDocs } from './http/docs.ts';
import { handleExplain } from './http/explain.ts';
import { FloodRecorder } from './http/flood-recorder.ts';
import { handleHealth } from './http/health.ts';
import { handleInboxes } from './http/inboxes.ts';
import { handleIntrospect } from './http/introspect.ts';
import { handleIssuers } from './http/issuers.ts';
import { handleLogout } from './http/logout.ts';
import { handleMetadata, metadataPath } from './http/metadata.ts';
import { handleMetrics, Metrics } from './http/metrics.ts';
import { answerErrors, describe, identify, observe } from './http/middleware.ts';
import { type Family, Refusal } from './http/refusal.ts';
import { handleRevocations } from './http/revocations.ts';
import { handleRevoke } from './http/revoke.ts';
import { SessionActivity } from './http/session-activity.ts';
import { handleSessions } from './http/sessions.ts';
import { Throttle } from './http/throttle.ts';
import { handleRegisterTokens } from './http/tokens.ts';
import { type TrailStatus, watchTrail } from './http/trail-metrics.ts';
import type { SharedSecretTrust } from './jwt/shared-secret.ts';
import { SignalVerifier } from './jwt/signal-verifier.ts';
import type { SigningKeys } from './jwt/signing-keys.ts';
import { createTrust } from './jwt/trust.ts';
import type { Upstream } from './jwt/upstream.ts';
import { packageVersion, readPackageFile } from './package-root.ts';

export interface AppParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly log: Logger;
  readonly trusted: BlockList;
  readonly logoutAliases: readonly string[];
  readonly authFailuresPerMinuteMax: number;
  /** Signs the codes that confirm large revocations. */
  readonly confirmSecret: string;
  /** /v1, /metrics and /docs have a listener of their own. */
  readonly separateAdmin: boolean;
  /** The issuer that clients know. */
  readonly issuer: string;
  readonly upstream: Upstream | null;
  readonly signingKeys: SigningKeys | null;
  readonly assertionAudiences: { readonly own: readonly string[]; readonly legacy: readonly string[] };
  readonly clientCertProxies: BlockList;
  readonly tlsClientAuthorities: readonly string[];
  readonly sharedSecret: SharedSecretTrust;
  /** Keys may be fetched without TLS from other machines. */
  readonly allowHttpKeys: boolean;
  readonly isDraining: () => boolean;
  readonly nodeVersion: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly trail: TrailStatus;
  readonly publicSealKeys: () => Promise<JSONWebKeySet>;
}

export interface App {
  /** What clients, apps and resource servers use; everything when there is no separate listener. */
  readonly main: Koa<State>;
  readonly admin: Koa<State> | null;
  readonly routes: readonly Route[];
  /** Writes what is still only counted. */
  close(): Promise<void>;
}

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly family: Family;
  readonly handle: (ctx: Context) => Promise<void>;
}

export function createApp(parts: AppParts): App {
  const { store, policy, log, now, signingKeys, issuer, upstream } = parts;
  const version = packageVersion();
  const metrics = new Metrics();
  watchTrail(metrics.registry, store, parts.trail);
  const directory = new ClientDirectory(store);
  const recorder = new FloodRecorder(store);
  const countRefusal = (reason: string) => metrics.countJwtRefusal(reason);
  const { sharedSecret } = parts;
  const { verifier, issuers, keyRing, clientKeys } = createTrust({
    store,
    policy,
    log,
    now,
    sharedSecret,
    countRefusal,
  });
  const deadTokens = new DeadTokenRecorder(store, now);
  const activity = new SessionActivity(store, now);
  const auth = new ClientAuth({
    directory,
    recorder,
    throttle: new Throttle(parts.authFailuresPerMinuteMax),
    now,
    assertions: {
      store,
      keyRing: clientKeys,
      audiences: parts.assertionAudiences.own,
      legacyAudiences: parts.assertionAudiences.legacy,
      clockSkewMs: policy.clockSkewMs,
    },
    certificates: {
      keyRing: clientKeys,
      proxies: parts.clientCertProxies,
      authorities: parts.tlsClientAuthorities,
    },
    bearers: { store, verifier, publicUrl: policy.publicUrl },
  });
  const health = handleHealth({
    store,
    isDraining: parts.isDraining,
    version,
    nodeVersion: parts.nodeVersion,
  });
  const metadata = handleMetadata({
    publicUrl: policy.publicUrl,
    issuer,
    upstream,
    signingKeys,
    methods: methodsOffered(parts),
  });
  const docs = handleDocs(readPackageFile('openapi.yaml'), version);
  const clients = handleClients({ store, auth, directory, allowHttpKeys: parts.allowHttpKeys });
  const seals = handleSeals({ store, auth, publicSealKeys: parts.publicSealKeys });
  const revocations = handleRevocations({ store, policy, auth, confirmSecret: parts.confirmSecret, now });
  const inboxes = handleInboxes({
    store,
    policy,
    signals: new SignalVerifier({ issuers, keyRing, now }),
    recorder,
    now,
  });
  const sessions = handleSessions({ store, policy, auth });
  const issuerRecords = handleIssuers({ store, auth, issuers, keyRing, allowHttpKeys: parts.allowHttpKeys });
  const logout = handleLogout({ store, policy, verifier, auth, recorder });

  const forEveryone: Route[] = [
    {
      method: 'POST',
      path: '/revoke',
      family: 'oauth',
      handle: handleRevoke({ store, policy, verifier, auth, recorder }),
    },
    {
      method: 'POST',
      path: '/introspect',
      family: 'oauth',
      handle: handleIntrospect({ store, verifier, auth, activity, deadTokens, signingKeys, issuer, now }),
    },
    { method: 'POST', path: '/logout', family: 'logout', handle: logout },
    ...parts.logoutAliases.map((path): Route => ({ method: 'POST', path, family: 'logout', handle: logout })),
    { method: 'GET', path: metadataPath(issuer), family: 'v1', handle: metadata.metadata },
    { method: 'GET', path: '/jwks', family: 'v1', handle: metadata.jwks },
    { method: 'POST', path: '/backchannel-logout', family: 'oauth', handle: inboxes.backchannelLogout },
    {
      method: 'POST',
      path: '/global-token-revocation',
      family: 'oauth',
      handle: inboxes.globalTokenRevocation,
    },
    { method: 'POST', path: '/security-events', family: 'oauth', handle: inboxes.securityEvents },
    { method: 'GET', path: '/health/alive', family: 'v1', handle: health.alive },
    { method: 'GET', path: '/health/ready', family: 'v1', handle: health.ready },
    { method: 'GET', path: '/version', family: 'v1', handle: health.version },
    { method: 'GET', path: '/openapi.json', family: 'v1', handle: docs.openapi },
  ];
  const forOperators: Route[] = [
    {
      method: 'POST',
      path: '/v1/tokens',
      family: 'v1',
      handle: handleRegisterTokens({ store, policy, auth }),
    },
    {
      method: 'POST',
      path: '/v1/tokens/explain',
      family: 'v1',
      handle: handleExplain({ store, verifier, auth }),
    },
    { method: 'POST', path: '/v1/revocations', family: 'v1', handle: revocations.createRevocation },
    { method: 'GET', path: '/v1/revocations', family: 'v1', handle: revocations.listRevocations },
    { method: 'GET', path: '/v1/revocations/:seq', family: 'v1', handle: revocations.showRevocation },
    { method: 'GET', path: '/v1/sessions', family: 'v1', handle: sessions.listSessions },
    { method: 'DELETE', path: '/v1/sessions/:id', family: 'v1', handle: sessions.deleteSession },
    { method: 'GET', path: '/v1/audit/events', family: 'v1', handle: handleListEvents({ store, auth }) },
    { method: 'GET', path: '/v1/audit/events/:id', family: 'v1', handle: handleShowEvent({ store, auth }) },
    { method: 'GET', path: '/v1/audit/summary', family: 'v1', handle: handleSummary({ store, auth, now }) },
    { method: 'GET', path: '/v1/audit/export', family: 'v1', handle: handleExport({ store, auth }) },
    { method: 'GET', path: '/v1/audit/seals', family: 'v1', handle: seals.listSeals },
    { method: 'GET', path: '/v1/audit/seal-keys', family: 'v1', handle: seals.listSealKeys },
    { method: 'POST', path: '/v1/clients', family: 'v1', handle: clients.createClient },
    { method: 'GET', path: '/v1/clients', family: 'v1', handle: clients.listClients },
    { method: 'GET', path: '/v1/clients/:client_id', family: 'v1', handle: clients.showClient },
    {
      method: 'POST',
      path: '/v1/clients/:client_id/rotate-secret',
      family: 'v1',
      handle: clients.rotateClientSecret,
    },
    { method: 'POST', path: '/v1/clients/:client_id/disable', family: 'v1', handle: clients.disableClient },
    { method: 'POST', path: '/v1/clients/:client_id/enable', family: 'v1', handle: clients.enableClient },
    { method: 'POST', path: '/v1/issuers', family: 'v1', handle: issuerRecords.addIssuer },
    { method: 'GET', path: '/v1/issuers', family: 'v1', handle: issuerRecords.listIssuers },
    { method: 'GET', path: '/v1/issuers/:issuer', family: 'v1', handle: issuerRecords.showIssuer },
    {
      method: 'POST',
      path: '/v1/issuers/:issuer/refresh-keys',
      family: 'v1',
      handle: issuerRecords.refreshIssuerKeys,
    },
    {
      method: 'POST',
      path: '/v1/issuers/:issuer/disable',
      family: 'v1',
      handle: issuerRecords.disableIssuer,
    },
    { method: 'POST', path: '/v1/issuers/:issuer/enable', family: 'v1', handle: issuerRecords.enableIssuer },
    { method: 'GET', path: '/metrics', family: 'v1', handle: handleMetrics(metrics, auth) },
    { method: 'GET', path: '/docs', family: 'v1', handle: docs.docs },
    { method: 'GET', path: '/docs/:file', family: 'v1', handle: docs.docs },
  ];

  const build = (routes: readonly Route[]): Koa<State> => {
    const app = new Koa<State>();
    app.on('error', (error) => log.info(describe(error), 'a connection ended before its answer'));
    app.use(identify(log, parts.trusted));
    app.use(observe(metrics));
    app.use(answerErrors());
    app.use(routerOf(routes, cors(directory)));
    app.use(() => {
      throw new Refusal('not_found', 'there is nothing here; see /openapi.json');
    });
    return app;
  };
  return {
    main: build(parts.separateAdmin ? forEveryone : [...forEveryone, ...forOperators]),
    admin: parts.separateAdmin ? build(forOperators) : null,
    routes: [...forEveryone, ...forOperators],
    close: async () => {
      await deadTokens.flush();
      await activity.close().catch(() => {});
      await recorder.close();
    },
  };
}

/** Certificates count only where a proxy may hand them over, and authorities only where there are some. */
function methodsOffered({ clientCertProxies, tlsClientAuthorities }: AppParts): AuthMethod[] {
  const hasProxies = clientCertProxies.rules.length > 0;
  const isOff = (method: AuthMethod) =>
    (method === 'self_signed_tls_client_auth' && !hasProxies) ||
    (method === 'tls_client_auth' && !(hasProxies && tlsClientAuthorities.length > 0));
  return authMethods.filter((method) => !isOff(method));
}

type Middleware = (ctx: Context, next: Next) => Promise<void>;

/** Each path answers its methods and, for all others, 405 with `Allow`. Browsers may call /revoke and /logout. */
function routerOf(routes: readonly Route[], cors: Middleware): Koa.Middleware<State> {
  const router = new Router<State>({ strict: true, sensitive: true });
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    const family = (here[0] as Route).family;
    const enter: Middleware = async (ctx, next) => {
      ctx.state.family = family;
      ctx.state.route = path;
      await next();
    };
    const isForBrowsers = family === 'logout' || path === '/revoke';
    const first = isForBrowsers ? [enter, cors] : [enter];
    const byMethod = new Map(here.map((route) => [route.method as string, route.handle]));
    const allowed = [...byMethod.keys(), ...(isForBrowsers ? ['OPTIONS'] : [])].join(', ');
    const dispatch = async (ctx: Context): Promise<void> => {
      const handle = byMethod.get(ctx.method === 'HEAD' ? 'GET' : ctx.method);
      if (!handle) {
        const headers = { Allow: allowed };
        throw new Refusal('method_not_allowed', `only ${allowed} is offered here`, { headers });
      }
      await handle(ctx);
    };
    router.all(path, ...(first as never[]), dispatch as never);
  }
  return router.routes() as unknown as Koa.Middleware<State>;
}

export function policyOf(config: {
  publicUrl: string;
  clockSkewSeconds: number;
  tokenLifetimeDaysMax: number;
  refreshTokenGraceSeconds: number;
}): Policy {
  return {
    publicUrl: config.publicUrl,
    clockSkewMs: config.clockSkewSeconds * 1000,
    lifetimeDaysMax: config.tokenLifetimeDaysMax,
    refreshGraceMs: config.refreshTokenGraceSeconds * 1000,
  };
}
