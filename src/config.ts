// Settings, read from the environment and from files that it names; config/ has their names. Reading them changes nothing,
// and every problem is collected, so that an operator sees all that is missing at once, each with its remedy.
import { dirname, join } from 'node:path';
import { isCidr } from './addresses.ts';
import { sqlitePathOf } from './config/database-url.ts';
import { ConfigError, type Env } from './config/env-reader.ts';
import { SettingReader } from './config/setting-reader.ts';
import { settings } from './config/settings.ts';
import { weaknessOf } from './config/weak-secret.ts';
import { everyIssuer } from './domain/targets.ts';
import type { SharedSecretSettings } from './jwt/shared-secret.ts';
import { isLoopback, localUrl } from './local-url.ts';

export { ConfigError, settings };

export interface Config {
  readonly production: boolean;
  readonly port: number;
  readonly host: string;
  /** A listener of its own for /v1, /metrics and /docs; null: they share the main one. */
  readonly adminPort: number | null;
  readonly adminHost: string;
  readonly databaseUrl: string;
  /** Without a slash at its end. */
  readonly publicUrl: string;
  readonly authorizationServerIssuer: string;
  /** Processes that serve. */
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
  readonly trustProxy: readonly string[];
  readonly logoutAliases: readonly string[];
  readonly migrateOnStart: boolean;
  readonly seedDemo: boolean;
  readonly clockSkewSeconds: number;
  readonly tokenLifetimeDaysMax: number;
  readonly refreshTokenGraceSeconds: number;
  /** Signs the codes that confirm large revocations; null: one is made at the start. */
  readonly confirmSecret: string | null;
  readonly authFailuresPerMinuteMax: number;
  readonly introspectionsAtOnceMax: number;
  readonly shutdownGraceMs: number;
  /** Null: audit events are kept forever. */
  readonly auditRetentionDays: number | null;
  /** 0: only the command purges. */
  readonly purgeIntervalMs: number;
  readonly sealIntervalMs: number;
  readonly sealKeyFile: string;
  /** Where seals are sent as they are made. */
  readonly sealFile: string | null;
  readonly sealWebhookUrl: string | null;
  readonly sharedSecret: SharedSecretSettings;
  /** Audiences that assertions of older clients name. */
  readonly assertionAudiences: readonly string[];
  readonly clientCertProxies: readonly string[];
  /** Null: introspection answers are not signed. */
  readonly signingKeysFile: string | null;
  /** What the real authorization server's metadata says, given here or to be fetched; null: neither. */
  readonly upstreamMetadata: Readonly<Record<string, unknown>> | null;
  readonly upstreamMetadataUrl: string | null;
  /** PEM certificates; empty turns `tls_client_auth` off. */
  readonly tlsClientAuthorities: readonly string[];
  /** Problems that do not stop the server but should be fixed. */
  readonly warnings: readonly string[];
}

type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
const logLevels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

const workersMax = 64;

/** All names that a variable may have. */
const names = settings.flatMap(({ name, secret, file }) =>
  secret || file ? [name, `${name}_FILE`] : [name],
);

/** Throws one ConfigError that lists every problem. The functions below each read what belongs together. */
export function readConfig(env: Env, options: { isTerminal?: boolean } = {}): Config {
  const reader = new SettingReader(env);
  const production =
    reader.choice('NODE_ENV', ['development', 'test', 'production'], 'development') === 'production';
  const listeners = readListeners(reader, production);
  const { host, port, adminHost } = listeners;
  const databaseUrl = reader.databaseUrl(production);
  // With a slash at its end it would be another namespace of tokens.
  const publicUrl = reader.url('PUBLIC_URL', production, localUrl(host, port)).replace(/\/+$/, '');
  const config: Config = {
    production,
    ...listeners,
    databaseUrl,
    publicUrl,
    ...readFirstStart(reader, production, databaseUrl, [host, adminHost]),
    ...readTrail(reader, production, databaseUrl),
    ...readTrust(reader, production),
    ...readUpstream(reader, production, publicUrl),
    ...readProcess(reader, production, options.isTerminal ?? false),
    ...readTokens(reader),
    ...readLimits(reader),
    confirmSecret: reader.longSecret('CONFIRM_SECRET', production),
    signingKeysFile:
      reader.name('SIGNING_KEYS_FILE') ??
      (production ? null : besideDatabase(databaseUrl, 'signing-keys.json')),
    warnings: reader.warnings,
  };
  reader.reportMisspelt(names);
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

function readListeners(reader: SettingReader, production: boolean) {
  const port = reader.integer('PORT', 3000, 0, 65535);
  const host = reader.host('HOST', production ? '0.0.0.0' : '127.0.0.1');
  const adminPort = reader.has('ADMIN_PORT') ? reader.integer('ADMIN_PORT', 0, 0, 65535) : null;
  if (adminPort !== null && adminPort !== 0 && adminPort === port) {
    reader.report('ADMIN_PORT', 'is the same as PORT', 'Give it a port of its own, or leave it out.');
  }
  const adminHost = reader.host('ADMIN_HOST', host);
  if (adminPort === null && reader.has('ADMIN_HOST')) {
    reader.report('ADMIN_HOST', 'has no port', 'Set ADMIN_PORT too, or leave it out.');
  }
  const trustProxy = reader.list('TRUST_PROXY', isCidr, cidrsWanted);
  const logoutAliases = reader.list(
    'LOGOUT_ALIASES',
    isAlias,
    'Give absolute paths such as /api/auth/logout, and none that this server has already.',
  );
  return { port, host, adminPort, adminHost, trustProxy, logoutAliases };
}

function readFirstStart(
  reader: SettingReader,
  production: boolean,
  databaseUrl: string,
  hosts: readonly string[],
) {
  const isSqlite = sqlitePathOf(databaseUrl) !== undefined;
  const seedDemo = reader.flag('SEED_DEMO', isSqlite && hosts.every(isLoopback) && !production);
  if (seedDemo && production) {
    reader.report(
      'SEED_DEMO',
      'asks for demo clients in production',
      'Remove it; make clients with `client create`.',
    );
  }
  return { migrateOnStart: reader.flag('MIGRATE_ON_START', isSqlite || !production), seedDemo };
}

function readTrail(reader: SettingReader, production: boolean, databaseUrl: string) {
  return {
    sealIntervalMs: reader.sealIntervalMs(production),
    sealKeyFile: reader.name('SEAL_KEY_FILE') ?? besideDatabase(databaseUrl, 'seal-keys.json'),
    sealFile: reader.fileToAppend('SEAL_FILE'),
    sealWebhookUrl: reader.webhookUrl('SEAL_WEBHOOK_URL', production),
    auditRetentionDays: reader.has('AUDIT_RETENTION_DAYS')
      ? reader.integer('AUDIT_RETENTION_DAYS', 1, 1, 36500)
      : null,
    purgeIntervalMs: reader.integer('PURGE_INTERVAL_SECONDS', 3600, 0, 86_400) * 1000,
  };
}

function readTrust(reader: SettingReader, production: boolean) {
  return {
    sharedSecret: readSharedSecret(reader, production),
    assertionAudiences: reader.list('ASSERTION_AUDIENCES', () => true, ''),
    clientCertProxies: reader.list('CLIENT_CERT_PROXIES', isCidr, cidrsWanted),
    tlsClientAuthorities: reader.certificates('TLS_CLIENT_CA_FILE'),
  };
}

/** One secret, or several while they are rotated: by lines where there are lines, else by commas. */
function readSharedSecret(reader: SettingReader, production: boolean): SharedSecretSettings {
  const text = reader.secret('JWT_SECRET') ?? '';
  const secrets = text
    .split(text.includes('\n') ? /\r?\n/ : ',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  const problem = secrets.map(weaknessOf).find((weakness) => weakness !== undefined);
  reader.judgeSecret('JWT_SECRET', problem && `has a secret that ${problem}`, production);
  const trust = {
    secrets,
    issuers: reader.list('JWT_SECRET_ISSUERS', isIssuerName, 'Give `iss` values; `*` is none.'),
    audience: reader.name('JWT_SECRET_AUDIENCE') ?? null,
    client: reader.name('JWT_SECRET_CLIENT') ?? null,
  };
  for (const name of ['JWT_SECRET_ISSUERS', 'JWT_SECRET_AUDIENCE', 'JWT_SECRET_CLIENT']) {
    if (secrets.length === 0 && reader.has(name))
      reader.report(name, 'is given without JWT_SECRET', 'Give JWT_SECRET too, or leave this out.');
  }
  return trust;
}

function readUpstream(reader: SettingReader, production: boolean, publicUrl: string) {
  return {
    authorizationServerIssuer: reader.url('AUTHORIZATION_SERVER_ISSUER', false, publicUrl),
    upstreamMetadata: reader.metadata('AUTHORIZATION_SERVER_METADATA'),
    upstreamMetadataUrl: reader.metadataUrl('AUTHORIZATION_SERVER_METADATA_URL', production),
  };
}

function readProcess(reader: SettingReader, production: boolean, isTerminal: boolean) {
  const logFormat = isTerminal && !production ? 'pretty' : 'json';
  return {
    workers: reader.integer('WORKERS', 1, 1, workersMax),
    logLevel: reader.choice('LOG_LEVEL', logLevels, 'info'),
    logFormat: reader.choice('LOG_FORMAT', ['json', 'pretty'], logFormat),
    shutdownGraceMs: reader.integer('SHUTDOWN_GRACE_SECONDS', 10, 0, 600) * 1000,
  };
}

function readTokens(reader: SettingReader) {
  return {
    clockSkewSeconds: reader.integer('CLOCK_SKEW_SECONDS', 60, 0, 600),
    tokenLifetimeDaysMax: reader.integer('TOKEN_LIFETIME_DAYS_MAX', 400, 1, 36500),
    refreshTokenGraceSeconds: reader.integer('REFRESH_TOKEN_GRACE_SECONDS', 0, 0, 600),
  };
}

function readLimits(reader: SettingReader) {
  return {
    authFailuresPerMinuteMax: reader.integer('AUTH_FAILURES_PER_MINUTE_MAX', 30, 1, 100_000),
    introspectionsAtOnceMax: reader.integer('INTROSPECTIONS_AT_ONCE_MAX', 1000, 1, 100_000),
  };
}

function besideDatabase(databaseUrl: string, file: string): string {
  const path = sqlitePathOf(databaseUrl);
  return join(path === undefined ? 'data' : dirname(path), file);
}

function isIssuerName(text: string): boolean {
  return text.length <= 512 && text !== everyIssuer;
}

const cidrsWanted = 'Give addresses or CIDRs such as 10.0.0.0/8, separated by commas.';

/** Paths that routes use, or may use. */
const takenPaths =
  /^\/(v1|health|revoke|introspect|logout|metrics|docs|jwks|version|openapi\.json|\.well-known|backchannel-logout|global-token-revocation|security-events)(\/|$)/;

function isAlias(text: string): boolean {
  return /^\/[A-Za-z0-9._~/-]{1,200}$/.test(text) && !takenPaths.test(text);
}
