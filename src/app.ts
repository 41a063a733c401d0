// The whole server on one screen: the middleware in its order, and every route.
import { X509Certificate } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { BlockList } from 'node:net';
import type { JSONWebKeySet } from 'jose';
import type { Logger } from 'pino';
import type { Policy } from './domain/policy.ts';
import type { Store } from './domain/store.ts';
import type { ExportTrail } from './domain/trail/export-trail.ts';
import { type AuthMethod, authMethods } from './domain/vocabulary.ts';
import { handleListEvents, handleShowEvent } from './http/audit/events.ts';
import { handleExport } from './http/audit/export.ts';
import { handleSeals } from './http/audit/seals.ts';
import { handleSummary } from './http/audit/summary.ts';
import { ClientAuth } from './http/auth/client-auth.ts';
import { ClientDirectory } from './http/auth/client-directory.ts';
import { Throttle } from './http/auth/throttle.ts';
import { cors } from './http/cors.ts';
import { describe } from './http/errors.ts';
import { FloodRecorder } from './http/flood-recorder.ts';
import { checkHeaderFields } from './http/header-fields.ts';
import { Host } from './http/host.ts';
import { handleBackchannelLogout } from './http/inboxes/backchannel-logout.ts';
import { handleGlobalTokenRevocation } from './http/inboxes/global-token-revocation.ts';
import { handleSecurityEvents } from './http/inboxes/security-events.ts';
import { passage } from './http/middleware.ts';
import { DeadTokenRecorder } from './http/oauth/dead-token-recorder.ts';
import { handleIntrospect } from './http/oauth/introspect.ts';
import { handleIntrospectBatch } from './http/oauth/introspect-batch.ts';
import { handleLogout } from './http/oauth/logout.ts';
import { handleMetadata, metadataPath } from './http/oauth/metadata.ts';
import { handleRevoke } from './http/oauth/revoke.ts';
import { SessionActivity } from './http/oauth/session-activity.ts';
import { handleDocs } from './http/ops/docs.ts';
import { handleHealth } from './http/ops/health.ts';
import { type Counts, handleMetrics, Metrics, type OtherWorkers } from './http/ops/metrics.ts';
import { type TrailStatus, watchTrail } from './http/ops/trail-metrics.ts';
import { Overload } from './http/overload.ts';
import { toPathAndQuery } from './http/request-target.ts';
import { type Route, routerOf, routesOf } from './http/router.ts';
import { handleClients } from './http/v1/clients.ts';
import { handleExplain } from './http/v1/explain.ts';
import { handleIssuers } from './http/v1/issuers.ts';
import { handleRevocations } from './http/v1/revocations.ts';
import { handleSessions } from './http/v1/sessions.ts';
import { handleRegisterTokens } from './http/v1/tokens.ts';
import type { SharedSecretTrust } from './jwt/shared-secret.ts';
import { SignalVerifier } from './jwt/signal-verifier.ts';
import type { SigningKeys } from './jwt/signing-keys.ts';
import { createTrust } from './jwt/trust.ts';
import type { Upstream } from './jwt/upstream.ts';
import { packageVersion, readPackageFile } from './package-root.ts';
import { Refusal } from './wire/refusal.ts';

export interface AppParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly log: Logger;
  readonly trusted: BlockList;
  readonly logoutAliases: readonly string[];
  readonly authFailuresPerMinuteMax: number;
  readonly introspectionsAtOnceMax: number;
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
  readonly exportTrail: ExportTrail;
  readonly publicSealKeys: () => Promise<JSONWebKeySet>;
  /** Null: this process is the whole server. */
  readonly others: OtherWorkers | null;
}

export interface App {
  /** What clients, apps and resource servers use; everything when there is no separate listener. */
  readonly main: RequestListener;
  readonly admin: RequestListener | null;
  readonly routes: readonly Route[];
  counts(): Promise<Counts>;
  /** Writes what is still only counted. */
  close(): Promise<void>;
}

export function createApp(parts: AppParts): App {
  const { store, policy, log, now, signingKeys, issuer, upstream } = parts;
  const version = packageVersion();
  const isShared = parts.others !== null;
  const metrics = new Metrics(parts.others);
  watchTrail(metrics, store, parts.trail);
  const directory = new ClientDirectory(store, isShared);
  const { introspectionsAtOnceMax } = parts;
  const overload = new Overload({ metrics, log, introspectionsAtOnceMax });
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
    isShared,
  });
  const deadTokens = new DeadTokenRecorder(store, now);
  const activity = new SessionActivity(store, now);
  const auth = new ClientAuth({
    directory,
    recorder,
    throttle: new Throttle(parts.authFailuresPerMinuteMax, isShared),
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
      authorities: parts.tlsClientAuthorities.map((pem) => new X509Certificate(pem)),
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
  const signals = new SignalVerifier({ issuers, keyRing, now });
  const inbox = { store, policy, signals, recorder, now };
  const sessions = handleSessions({ store, policy, auth });
  const issuerRecords = handleIssuers({ store, auth, issuers, keyRing, allowHttpKeys: parts.allowHttpKeys });
  const logout = handleLogout({ store, policy, verifier, auth, recorder });

  const logoutPaths = ['/logout', ...parts.logoutAliases];
  const forEveryone: Route[] = [
    ...routesOf('oauth', {
      'POST /revoke': handleRevoke({ store, policy, verifier, auth, recorder }),
      'POST /introspect': overload.counted(
        handleIntrospect({ store, verifier, auth, activity, deadTokens, signingKeys, issuer, now }),
      ),
      'POST /introspect/batch': overload.counted(
        handleIntrospectBatch({ store, verifier, auth, activity, deadTokens, overload }),
      ),
      'POST /backchannel-logout': handleBackchannelLogout(inbox),
      'POST /global-token-revocation': handleGlobalTokenRevocation(inbox),
    }),
    ...routesOf('events', { 'POST /security-events': handleSecurityEvents(inbox) }),
    ...routesOf('logout', Object.fromEntries(logoutPaths.map((path) => [`POST ${path}`, logout]))),
    ...routesOf('v1', {
      [`GET ${metadataPath(issuer)}`]: metadata.metadata,
      'GET /jwks': metadata.jwks,
      'GET /health/alive': health.alive,
      'GET /health/ready': health.ready,
      'GET /version': health.version,
      'GET /openapi.json': docs.openapi,
    }),
  ];
  const forOperators: Route[] = routesOf('v1', {
    'POST /v1/tokens': handleRegisterTokens({ store, policy, verifier, auth, recorder, overload }),
    'POST /v1/tokens/explain': handleExplain({ store, verifier, auth }),
    'POST /v1/revocations': revocations.createRevocation,
    'GET /v1/revocations': revocations.listRevocations,
    'GET /v1/revocations/:seq': revocations.showRevocation,
    'GET /v1/sessions': sessions.listSessions,
    'DELETE /v1/sessions/:id': sessions.deleteSession,
    'GET /v1/audit/events': handleListEvents({ store, auth }),
    'GET /v1/audit/events/:id': handleShowEvent({ store, auth }),
    'GET /v1/audit/summary': handleSummary({ store, auth, now }),
    'GET /v1/audit/export': handleExport({ store, auth, exportTrail: parts.exportTrail }),
    'GET /v1/audit/seals': seals.listSeals,
    'GET /v1/audit/seal-keys': seals.listSealKeys,
    'POST /v1/clients': clients.createClient,
    'GET /v1/clients': clients.listClients,
    'GET /v1/clients/:client_id': clients.showClient,
    'POST /v1/clients/:client_id/rotate-secret': clients.rotateClientSecret,
    'POST /v1/clients/:client_id/disable': clients.disableClient,
    'POST /v1/clients/:client_id/enable': clients.enableClient,
    'POST /v1/issuers': issuerRecords.addIssuer,
    'GET /v1/issuers': issuerRecords.listIssuers,
    'GET /v1/issuers/:issuer': issuerRecords.showIssuer,
    'POST /v1/issuers/:issuer/refresh-keys': issuerRecords.refreshIssuerKeys,
    'POST /v1/issuers/:issuer/disable': issuerRecords.disableIssuer,
    'POST /v1/issuers/:issuer/enable': issuerRecords.enableIssuer,
    'GET /metrics': handleMetrics(metrics, auth),
    'GET /docs': docs.page,
    'GET /docs/:file': docs.file,
  });

  const build = (routes: readonly Route[]): RequestListener => {
    const app = new Host();
    app.on('error', (error) => log.info(describe(error), 'an answer could not be finished'));
    app.use(passage({ log, trusted: parts.trusted, metrics, overload, recorder }));
    app.use(routerOf(routes, cors(directory)));
    app.use((ctx) => {
      checkHeaderFields(ctx.req);
      throw new Refusal('not_found', 'there is nothing here; see /openapi.json');
    });
    const handle = overload.guard(app.callback());
    return (request, response) => {
      toPathAndQuery(request);
      handle(request, response);
    };
  };
  return {
    main: build(parts.separateAdmin ? forEveryone : [...forEveryone, ...forOperators]),
    // The page at /docs may load what comes from its own origin only.
    admin: parts.separateAdmin
      ? build([...forOperators, ...forEveryone.filter(({ path }) => path === '/openapi.json')])
      : null,
    routes: [...forEveryone, ...forOperators],
    counts: () => metrics.counts(),
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
