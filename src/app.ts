// The whole server on one screen: the middleware in its order, and every route.
import type { RequestListener } from 'node:http';
import { handleListEvents, handleShowEvent } from './http/audit/events.ts';
import { handleExport } from './http/audit/export.ts';
import { handleSeals } from './http/audit/seals.ts';
import { handleSummary } from './http/audit/summary.ts';
import { cors } from './http/cors.ts';
import { handleBackchannelLogout } from './http/inboxes/backchannel-logout.ts';
import { handleGlobalTokenRevocation } from './http/inboxes/global-token-revocation.ts';
import { handleSecurityEvents } from './http/inboxes/security-events.ts';
import { LeanKoa } from './http/lean-koa.ts';
import { passage } from './http/middleware.ts';
import { handleIntrospect } from './http/oauth/introspect.ts';
import { handleIntrospectBatch } from './http/oauth/introspect-batch.ts';
import { handleLogout } from './http/oauth/logout.ts';
import { handleMetadata, metadataPath } from './http/oauth/metadata.ts';
import { handleRevoke } from './http/oauth/revoke.ts';
import { handleDocs } from './http/ops/docs.ts';
import { handleHealth } from './http/ops/health.ts';
import { type Counts, handleMetrics } from './http/ops/metrics.ts';
import { checkHeaderFields } from './http/reading/header-fields.ts';
import { toPathAndQuery } from './http/request-target.ts';
import { type Route, routerOf, routesOf } from './http/router.ts';
import { handleClients } from './http/v1/clients.ts';
import { handleExplain } from './http/v1/explain.ts';
import { handleIssuers } from './http/v1/issuers.ts';
import { handleRevocations } from './http/v1/revocations.ts';
import { handleSessions } from './http/v1/sessions.ts';
import { handleRegisterTokens } from './http/v1/tokens.ts';
import { loggedFieldsOf } from './logged-errors.ts';
import { readPackageFile } from './package-root.ts';
import { type AppParts, type Services, servicesOf } from './services.ts';
import { Refusal } from './wire/refusal.ts';

export interface App {
  /** What clients, apps and resource servers use; everything when there is no separate listener. */
  readonly main: RequestListener;
  readonly admin: RequestListener | null;
  readonly routes: readonly Route[];
  counts(): Promise<Counts>;
  /** Writes what recorders still hold in memory. */
  close(): Promise<void>;
}

export function createApp(parts: AppParts): App {
  const services = servicesOf(parts);
  const docs = handleDocs(readPackageFile('openapi.yaml'), services.version);
  const forEveryone = [
    ...routesOfTokens(services),
    ...routesOfInboxes(services),
    ...routesOfTheServer(services, docs),
  ];
  const forOperators = routesOfOperators(services, docs);
  const { hasAdminListener } = parts;
  return {
    main: listenerOf(services, hasAdminListener ? forEveryone : [...forEveryone, ...forOperators]),
    // The page at /docs may load what comes from its own origin only.
    admin: hasAdminListener
      ? listenerOf(services, [...forOperators, ...forEveryone.filter(({ path }) => path === '/openapi.json')])
      : null,
    routes: [...forEveryone, ...forOperators],
    counts: () => services.metrics.counts(),
    close: async () => {
      services.overload.flush();
      services.failures.flush();
      await services.deadTokenRecorder.flush();
      await services.sessionActivity.close().catch(() => {});
      await services.floodRecorder.close();
    },
  };
}

/** The middleware that every request passes, in this order. */
function listenerOf(services: Services, routes: readonly Route[]): RequestListener {
  const { log, overload, clients } = services;
  const app = new LeanKoa();
  app.on('error', (error) => log.info(loggedFieldsOf(error), 'an answer could not be finished'));
  app.use(passage(services));
  app.use(routerOf(routes, cors(clients)));
  app.use((ctx) => {
    checkHeaderFields(ctx.req);
    throw new Refusal('not_found', 'there is nothing here; see /openapi.json');
  });
  const handle = overload.guard(app.callback());
  return (request, response) => {
    toPathAndQuery(request);
    handle(request, response);
  };
}

function routesOfTokens(services: Services): Route[] {
  const logout = handleLogout(services);
  const logoutPaths = ['/logout', ...services.logoutAliases];
  return [
    ...routesOf('oauth', {
      'POST /revoke': handleRevoke(services),
      'POST /introspect': handleIntrospect(services),
      'POST /introspect/batch': handleIntrospectBatch(services),
    }),
    ...routesOf('logout', Object.fromEntries(logoutPaths.map((path) => [`POST ${path}`, logout]))),
  ];
}

function routesOfInboxes(services: Services): Route[] {
  return [
    ...routesOf('oauth', {
      'POST /backchannel-logout': handleBackchannelLogout(services),
      'POST /global-token-revocation': handleGlobalTokenRevocation(services),
    }),
    ...routesOf('events', { 'POST /security-events': handleSecurityEvents(services) }),
  ];
}

type Docs = ReturnType<typeof handleDocs>;

function routesOfTheServer(services: Services, docs: Docs): Route[] {
  const metadata = handleMetadata(services);
  const health = handleHealth(services);
  return routesOf('v1', {
    [`GET ${metadataPath(services.authorizationServerIssuer)}`]: metadata.metadata,
    'GET /jwks': metadata.jwks,
    'GET /health/alive': health.alive,
    'GET /health/ready': health.ready,
    'GET /version': health.version,
    'GET /openapi.json': docs.openapi,
  });
}

function routesOfOperators(services: Services, docs: Docs): Route[] {
  const clients = handleClients(services);
  const issuers = handleIssuers(services);
  const revocations = handleRevocations(services);
  const seals = handleSeals(services);
  const sessions = handleSessions(services);
  return routesOf('v1', {
    'POST /v1/tokens': handleRegisterTokens(services),
    'POST /v1/tokens/explain': handleExplain(services),
    'POST /v1/revocations': revocations.createRevocation,
    'GET /v1/revocations': revocations.listRevocations,
    'GET /v1/revocations/:seq': revocations.showRevocation,
    'GET /v1/sessions': sessions.listSessions,
    'DELETE /v1/sessions/:id': sessions.deleteSession,
    'GET /v1/audit/events': handleListEvents(services),
    'GET /v1/audit/events/:id': handleShowEvent(services),
    'GET /v1/audit/summary': handleSummary(services),
    'GET /v1/audit/export': handleExport(services),
    'GET /v1/audit/seals': seals.listSeals,
    'GET /v1/audit/seal-keys': seals.listSealKeys,
    'POST /v1/clients': clients.createClient,
    'GET /v1/clients': clients.listClients,
    'GET /v1/clients/:client_id': clients.showClient,
    'PATCH /v1/clients/:client_id': clients.updateClient,
    'POST /v1/clients/:client_id/rotate-secret': clients.rotateClientSecret,
    'POST /v1/clients/:client_id/disable': clients.disableClient,
    'POST /v1/clients/:client_id/enable': clients.enableClient,
    'POST /v1/issuers': issuers.addIssuer,
    'GET /v1/issuers': issuers.listIssuers,
    'GET /v1/issuers/:issuer': issuers.showIssuer,
    'PATCH /v1/issuers/:issuer': issuers.updateIssuer,
    'POST /v1/issuers/:issuer/refresh-keys': issuers.refreshIssuerKeys,
    'POST /v1/issuers/:issuer/disable': issuers.disableIssuer,
    'POST /v1/issuers/:issuer/enable': issuers.enableIssuer,
    'GET /metrics': handleMetrics(services.metrics, services.auth),
    'GET /docs': docs.page,
    'GET /docs/:file': docs.file,
  });
}
