// Every setting: its name, its default and what it means. docs/settings.md is this table; a test compares them.
import type { Config } from '../config.ts';

interface Setting {
  readonly name: string;
  readonly default: string;
  readonly means: string;
  /** The value in force, without secrets; null or an empty list if there is none. */
  readonly value: (config: Config) => string | number | boolean | readonly string[] | null;
  readonly secret?: true;
  /** Not secret, but long: may be given as a file as well. */
  readonly file?: true;
}

export const settings: readonly Setting[] = [
  { name: 'PORT', default: '3000', means: 'port of the main listener', value: ({ port }) => port },
  {
    name: 'HOST',
    default: '127.0.0.1; 0.0.0.0 in production',
    means: 'address to listen on',
    value: ({ host }) => host,
  },
  {
    name: 'ADMIN_PORT',
    default: 'none',
    means: 'moves /v1, /metrics and /docs to a listener of their own',
    value: ({ adminPort }) => adminPort,
  },
  {
    name: 'ADMIN_HOST',
    default: 'HOST',
    means: 'address to listen on for ADMIN_PORT',
    value: ({ adminHost }) => adminHost,
  },
  {
    name: 'WORKERS',
    default: '1',
    means: 'processes, at most 64, that share the ports; see docs/operating.md',
    value: ({ workers }) => workers,
  },
  {
    name: 'DATABASE_URL',
    default: 'sqlite:./data/revocation.sqlite',
    means: '`sqlite:PATH` (one server) or `postgres://…` (any number of them); required in production',
    value: ({ databaseUrl }) => withoutPassword(databaseUrl),
    secret: true,
  },
  {
    name: 'PUBLIC_URL',
    default: 'http://HOST:PORT',
    means:
      'our identifier, and the namespace of tokens without `iss`: never change it; https and required in production',
    value: ({ publicUrl }) => publicUrl,
  },
  {
    name: 'AUTHORIZATION_SERVER_ISSUER',
    default: 'PUBLIC_URL',
    means: 'the issuer that clients know',
    value: ({ authorizationServerIssuer }) => authorizationServerIssuer,
  },
  {
    name: 'NODE_ENV',
    default: 'development',
    means: '`production` refuses insecure defaults',
    value: ({ production }) => (production ? 'production' : 'development'),
  },
  {
    name: 'LOG_LEVEL',
    default: 'info',
    means: 'trace, debug (adds a line per request), info, warn, error, fatal, silent',
    value: ({ logLevel }) => logLevel,
  },
  {
    name: 'LOG_FORMAT',
    default: 'json; pretty on a terminal',
    means: '`json` or `pretty`',
    value: ({ logFormat }) => logFormat,
  },
  {
    name: 'TRUST_PROXY',
    default: 'none',
    means: 'CIDRs, comma-separated, whose X-Forwarded-For is believed',
    value: ({ trustProxy }) => trustProxy,
  },
  {
    name: 'LOGOUT_ALIASES',
    default: 'none',
    means: 'further paths, comma-separated, where /logout answers',
    value: ({ logoutAliases }) => logoutAliases,
  },
  {
    name: 'MIGRATE_ON_START',
    default: 'yes; no on Postgres in production',
    means: '`yes` or `no`: bring the schema up to date before serving',
    value: ({ migrateOnStart }) => migrateOnStart,
  },
  {
    name: 'SEED_DEMO',
    default: 'yes on SQLite on loopback outside production',
    means: '`yes` or `no`: fill an empty database with demo data',
    value: ({ seedDemo }) => seedDemo,
  },
  {
    name: 'JWT_SECRET',
    default: 'none',
    means: 'trusts HS256 tokens signed with it; several, separated by commas or lines, while it is rotated',
    value: ({ sharedSecret }) => sharedSecret.secrets.map(() => hidden),
    secret: true,
  },
  {
    name: 'JWT_SECRET_ISSUERS',
    default: 'none',
    means: '`iss` values, comma-separated, that such tokens may have; they may also have none',
    value: ({ sharedSecret }) => sharedSecret.issuers,
  },
  {
    name: 'JWT_SECRET_AUDIENCE',
    default: 'none',
    means: 'audience of such tokens where they name none',
    value: ({ sharedSecret }) => sharedSecret.audience,
  },
  {
    name: 'JWT_SECRET_CLIENT',
    default: 'none',
    means: 'client_id of such tokens where they name none: never change it once it is set',
    value: ({ sharedSecret }) => sharedSecret.client,
  },
  {
    name: 'AUTHORIZATION_SERVER_METADATA',
    default: 'none',
    means:
      "JSON object: the authorization server's part of the metadata, `response_types_supported` at least",
    value: ({ upstreamMetadata }) => upstreamMetadata && JSON.stringify(upstreamMetadata),
    file: true,
  },
  {
    name: 'AUTHORIZATION_SERVER_METADATA_URL',
    default: 'none',
    means: 'fetch that part from here; with neither there is no metadata document',
    value: ({ upstreamMetadataUrl }) => upstreamMetadataUrl,
  },
  {
    name: 'SIGNING_KEYS_FILE',
    default: 'beside the SQLite database, else in ./data; none in production',
    means: 'keys that sign introspection answers (`keys create`); without it they are not signed',
    value: ({ signingKeysFile }) => signingKeysFile,
  },
  {
    name: 'ASSERTION_AUDIENCES',
    default: 'none',
    means: 'further audiences, comma-separated, that client assertions may name: what older clients send',
    value: ({ assertionAudiences }) => assertionAudiences,
  },
  {
    name: 'CLIENT_CERT_PROXIES',
    default: 'none',
    means: 'CIDRs, comma-separated, of direct peers whose Client-Cert header (RFC 9440) is believed',
    value: ({ clientCertProxies }) => clientCertProxies,
  },
  {
    name: 'TLS_CLIENT_CA_FILE',
    default: 'none: `tls_client_auth` is off',
    means: 'PEM file of the authorities that vouch for client certificates',
    value: ({ tlsClientAuthorities }) => tlsClientAuthorities.map(() => 'a certificate'),
  },
  {
    name: 'CLOCK_SKEW_SECONDS',
    default: '60',
    means: "how far ahead an issuer's clock may be",
    value: ({ clockSkewSeconds }) => clockSkewSeconds,
  },
  {
    name: 'TOKEN_LIFETIME_DAYS_MAX',
    default: '400',
    means: 'longest life of a token: no longer registrations are taken, and JWTs end then',
    value: ({ tokenLifetimeDaysMax }) => tokenLifetimeDaysMax,
  },
  {
    name: 'REFRESH_TOKEN_GRACE_SECONDS',
    default: '0',
    means: 'how long a refresh token that was just replaced may be presented again by a client that retries',
    value: ({ refreshTokenGraceSeconds }) => refreshTokenGraceSeconds,
  },
  {
    name: 'CONFIRM_SECRET',
    default: 'made at each start',
    means:
      'signs the `confirm` codes of previews, 32 characters or more; give it where several servers share a database',
    value: ({ confirmSecret }) => (confirmSecret === null ? 'made at each start' : hidden),
    secret: true,
  },
  {
    name: 'AUTH_FAILURES_PER_MINUTE_MAX',
    default: '30',
    means: 'failed authentications per client and address before 429; per address ten times as many',
    value: ({ authFailuresPerMinuteMax }) => authFailuresPerMinuteMax,
  },
  {
    name: 'INTROSPECTIONS_AT_ONCE_MAX',
    default: '1000',
    means:
      'introspections under way at once; beyond it they get 503, so that revocations are not kept waiting',
    value: ({ introspectionsAtOnceMax }) => introspectionsAtOnceMax,
  },
  {
    name: 'SHUTDOWN_GRACE_SECONDS',
    default: '10',
    means: 'how long open requests may take after SIGTERM',
    value: ({ shutdownGraceMs }) => shutdownGraceMs / 1000,
  },
  {
    name: 'AUDIT_RETENTION_DAYS',
    default: 'forever',
    means: 'how long audit events are kept; then they are purged in whole sealed ranges',
    value: ({ auditRetentionDays }) => auditRetentionDays ?? 'forever',
  },
  {
    name: 'PURGE_INTERVAL_SECONDS',
    default: '3600',
    means: 'how often what can no longer change a verdict is deleted; 0: only by `purge`',
    value: ({ purgeIntervalMs }) => purgeIntervalMs / 1000,
  },
  {
    name: 'SEAL_INTERVAL_SECONDS',
    default: '60',
    means: 'how often the audit trail is sealed; 0: only by `audit seal`',
    value: ({ sealIntervalMs }) => sealIntervalMs / 1000,
  },
  {
    name: 'SEAL_KEY_FILE',
    default: 'beside the SQLite database, else in ./data',
    means: 'JWK set of the keys that sign seals, mode 0600 or 0640; without it production seals nothing',
    value: ({ sealKeyFile }) => sealKeyFile,
  },
  {
    name: 'SEAL_FILE',
    default: 'none',
    means: 'append-only file that each seal is written to, best on another machine',
    value: ({ sealFile }) => sealFile,
  },
  {
    name: 'SEAL_WEBHOOK_URL',
    default: 'none',
    means: 'https URL that each seal is posted to',
    value: ({ sealWebhookUrl }) => sealWebhookUrl && originOnly(sealWebhookUrl),
    secret: true,
  },
];

const hidden = '***';

function withoutPassword(databaseUrl: string): string {
  if (databaseUrl.startsWith('sqlite:')) return databaseUrl;
  const url = new URL(databaseUrl);
  if (url.password !== '') url.password = hidden;
  for (const name of [...url.searchParams.keys()])
    if (/password/i.test(name)) url.searchParams.set(name, hidden);
  return url.href;
}

/** Path and query are left out, as receivers authenticate by them. */
function originOnly(url: string): string {
  return `${new URL(url).origin}/${hidden}`;
}
