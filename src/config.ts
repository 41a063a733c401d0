// Settings, read from the environment; config/ has their names. Reading them is pure, and every
// problem is collected, so that an operator sees all that is missing at once, each with its remedy.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isCidr } from './addresses.ts';
import { isPostgresUrl, sqlitePathOf } from './config/database-url.ts';
import { ConfigError, type Env, EnvReader, namesUser } from './config/env-reader.ts';
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
  readonly databaseUrl: string;
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

/** Throws one ConfigError that lists every problem. */
export function readConfig(env: Env, options: { isTerminal?: boolean } = {}): Config {
  const reader = new Reader(env);
  const production =
    reader.choice('NODE_ENV', ['development', 'test', 'production'], 'development') === 'production';
  const port = reader.integer('PORT', 3000, 0, 65535);
  const host = reader.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const adminPort = reader.has('ADMIN_PORT') ? reader.integer('ADMIN_PORT', 0, 0, 65535) : null;
  if (adminPort !== null && adminPort !== 0 && adminPort === port) {
    reader.report('ADMIN_PORT', 'is the same as PORT', 'Give it a port of its own, or leave it out.');
  }
  const databaseUrl = reader.databaseUrl(production);
  // With a slash at its end it would be another namespace of tokens.
  const publicUrl = reader.url('PUBLIC_URL', production, localUrl(host, port)).replace(/\/+$/, '');
  const isSqlite = databaseUrl.startsWith('sqlite:');
  const seedDemo = reader.flag('SEED_DEMO', isSqlite && isLoopback(host) && !production);
  if (seedDemo && production) {
    reader.report(
      'SEED_DEMO',
      'asks for demo clients in production',
      'Remove it; make clients with `client create`.',
    );
  }
  const sealIntervalMs = reader.sealIntervalMs(production);
  const sharedSecret = reader.sharedSecret(production);
  const config: Config = {
    production,
    port,
    host,
    adminPort,
    databaseUrl,
    publicUrl,
    authorizationServerIssuer: reader.url('AUTHORIZATION_SERVER_ISSUER', false, publicUrl),
    workers: reader.integer('WORKERS', 1, 1, workersMax),
    logLevel: reader.choice('LOG_LEVEL', logLevels, 'info'),
    logFormat: reader.choice(
      'LOG_FORMAT',
      ['json', 'pretty'],
      options.isTerminal && !production ? 'pretty' : 'json',
    ),
    trustProxy: reader.list(
      'TRUST_PROXY',
      isCidr,
      'Give addresses or CIDRs such as 10.0.0.0/8, separated by commas.',
    ),
    logoutAliases: reader.list(
      'LOGOUT_ALIASES',
      isAlias,
      'Give absolute paths such as /api/auth/logout, and none that this server has already.',
    ),
    migrateOnStart: reader.flag('MIGRATE_ON_START', isSqlite || !production),
    seedDemo,
    clockSkewSeconds: reader.integer('CLOCK_SKEW_SECONDS', 60, 0, 600),
    tokenLifetimeDaysMax: reader.integer('TOKEN_LIFETIME_DAYS_MAX', 400, 1, 36500),
    refreshTokenGraceSeconds: reader.integer('REFRESH_TOKEN_GRACE_SECONDS', 0, 0, 600),
    confirmSecret: reader.longSecret('CONFIRM_SECRET', production),
    authFailuresPerMinuteMax: reader.integer('AUTH_FAILURES_PER_MINUTE_MAX', 30, 1, 100_000),
    introspectionsAtOnceMax: reader.integer('INTROSPECTIONS_AT_ONCE_MAX', 1000, 1, 100_000),
    shutdownGraceMs: reader.integer('SHUTDOWN_GRACE_SECONDS', 10, 0, 600) * 1000,
    auditRetentionDays: reader.has('AUDIT_RETENTION_DAYS')
      ? reader.integer('AUDIT_RETENTION_DAYS', 1, 1, 36500)
      : null,
    purgeIntervalMs: reader.integer('PURGE_INTERVAL_SECONDS', 3600, 0, 86_400) * 1000,
    sealIntervalMs,
    sealKeyFile: reader.text('SEAL_KEY_FILE') ?? besideDatabase(databaseUrl, 'seal-keys.json'),
    sealFile: reader.text('SEAL_FILE') ?? null,
    sealWebhookUrl: reader.webhookUrl('SEAL_WEBHOOK_URL', production),
    sharedSecret,
    assertionAudiences: reader.list('ASSERTION_AUDIENCES', () => true, ''),
    clientCertProxies: reader.list(
      'CLIENT_CERT_PROXIES',
      isCidr,
      'Give addresses or CIDRs such as 10.0.0.0/8, separated by commas.',
    ),
    signingKeysFile:
      reader.text('SIGNING_KEYS_FILE') ??
      (production ? null : besideDatabase(databaseUrl, 'signing-keys.json')),
    upstreamMetadata: reader.metadata('AUTHORIZATION_SERVER_METADATA'),
    upstreamMetadataUrl: reader.metadataUrl('AUTHORIZATION_SERVER_METADATA_URL', production),
    tlsClientAuthorities: reader.certificates('TLS_CLIENT_CA_FILE'),
    warnings: reader.warnings,
  };
  reader.reportMisspelt(names);
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

/** Reads the kinds of values that only this server's settings have. */
class Reader extends EnvReader {
  databaseUrl(production: boolean): string {
    const text = this.secret('DATABASE_URL');
    if (text === undefined) {
      if (production) {
        const remedy = 'Set it to postgres://… or to sqlite:PATH on a disk that is backed up.';
        this.report('DATABASE_URL', 'is missing', remedy);
      }
      return 'sqlite:./data/revocation.sqlite';
    }
    const isUsable = isPostgresUrl(text) ? URL.canParse(text) : sqlitePathOf(text) !== undefined;
    if (!isUsable) {
      const remedy = isPostgresUrl(text)
        ? 'In the password write # as %23, / as %2F, ? as %3F and @ as %40.'
        : 'Set it to sqlite:PATH or to postgres://….';
      this.report('DATABASE_URL', 'is not a known database URL', remedy);
    }
    return text;
  }

  /** RFC 8414 §2: a document without response types is not valid. */
  metadata(name: string): Record<string, unknown> | null {
    const text = this.secret(name);
    if (text === undefined) return null;
    const remedy = 'Give a JSON object with `response_types_supported`, as RFC 8414 describes it.';
    try {
      const document = JSON.parse(text) as Record<string, unknown> | null;
      const types = document?.response_types_supported;
      if (Array.isArray(types) && types.length > 0) return document;
      this.report(name, 'has no response_types_supported', remedy);
    } catch {
      this.report(name, 'is not JSON', remedy);
    }
    return null;
  }

  metadataUrl(name: string, production: boolean): string | null {
    if (!this.has(name)) return null;
    if (this.has('AUTHORIZATION_SERVER_METADATA') || this.has('AUTHORIZATION_SERVER_METADATA_FILE'))
      this.report(name, 'is given, and so is AUTHORIZATION_SERVER_METADATA', 'Keep one of them.');
    return this.url(name, production, '');
  }

  certificates(name: string): string[] {
    const path = this.text(name);
    if (path === undefined) return [];
    if (!this.has('CLIENT_CERT_PROXIES'))
      this.report(name, 'is given without CLIENT_CERT_PROXIES', 'Name the proxies that end TLS.');
    try {
      const pem = readFileSync(path, 'utf8');
      const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
      for (const certificate of found) new X509Certificate(certificate);
      if (found.length === 0) this.report(name, 'names a file without certificates', 'Give a PEM file.');
      return found;
    } catch {
      const problem = 'names a file that cannot be read, or is no PEM file of certificates';
      this.report(name, problem, 'Check its path, permissions and content.');
      return [];
    }
  }

  /** 0 in production without SEAL_KEY_FILE: a key made here would be lost with the machine. */
  sealIntervalMs(production: boolean): number {
    const ms = this.integer('SEAL_INTERVAL_SECONDS', 60, 0, 86_400) * 1000;
    if (ms === 0 || !production || this.has('SEAL_KEY_FILE')) return ms;
    const remedy = 'make the key there once with `audit rotate-key`';
    this.warnings.push(
      `SEAL_KEY_FILE is missing, so audit events are not sealed; set it to a path, and ${remedy}`,
    );
    return 0;
  }

  /** Treated as a secret, as some receivers authenticate by its path or query. */
  webhookUrl(name: string, strict: boolean): string | null {
    const text = this.secret(name);
    if (text === undefined) return null;
    const protocols = strict ? /^https:$/ : /^https?:$/;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (!url || !protocols.test(url.protocol) || namesUser(url))
      this.report(
        name,
        'must be an https URL without a user name',
        'Set it to the https URL that is to receive the seals.',
      );
    return text;
  }

  /** One secret, or several during a rotation: one per line if there are several lines, else separated by commas. */
  sharedSecret(production: boolean): SharedSecretSettings {
    const text = this.secret('JWT_SECRET') ?? '';
    const secrets = text
      .split(text.includes('\n') ? /\r?\n/ : ',')
      .map((secret) => secret.trim())
      .filter((secret) => secret !== '');
    const problem = secrets.map(weaknessOf).find((weakness) => weakness !== undefined);
    this.judgeSecret('JWT_SECRET', problem && `has a secret that ${problem}`, production);
    const settings: SharedSecretSettings = {
      secrets,
      issuers: this.list('JWT_SECRET_ISSUERS', isIssuerName, 'Give `iss` values; `*` is none.'),
      audience: this.text('JWT_SECRET_AUDIENCE') ?? null,
      client: this.text('JWT_SECRET_CLIENT') ?? null,
    };
    for (const name of ['JWT_SECRET_ISSUERS', 'JWT_SECRET_AUDIENCE', 'JWT_SECRET_CLIENT']) {
      if (secrets.length === 0 && this.has(name))
        this.report(name, 'is given without JWT_SECRET', 'Give JWT_SECRET too, or leave this out.');
    }
    return settings;
  }
}

function besideDatabase(databaseUrl: string, file: string): string {
  const path = sqlitePathOf(databaseUrl);
  return join(path === undefined ? 'data' : dirname(path), file);
}

function isIssuerName(text: string): boolean {
  return text.length <= 512 && text !== everyIssuer;
}

/** Paths that routes use, or may use. */
const takenPaths =
  /^\/(v1|health|revoke|introspect|logout|metrics|docs|jwks|version|openapi\.json|\.well-known|backchannel-logout|global-token-revocation|security-events)(\/|$)/;

function isAlias(text: string): boolean {
  return /^\/[A-Za-z0-9._~/-]{1,200}$/.test(text) && !takenPaths.test(text);
}
