// Settings: the only file that knows the names of environment variables. Reading them is pure, and every
// problem is collected, so that an operator sees all that is missing at once, each with its remedy.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { dirname, join } from 'node:path';
import type { SharedSecretSettings } from './jwt/shared-secret.ts';

export interface Config {
  readonly production: boolean;
  readonly port: number;
  readonly host: string;
  /** A listener of its own for /v1, /metrics and /docs; null: they share the main one. */
  readonly adminPort: number | null;
  readonly databaseUrl: string;
  readonly publicUrl: string;
  readonly authorizationServerIssuer: string;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
  readonly trustProxy: readonly string[];
  readonly logoutAliases: readonly string[];
  readonly migrateOnStart: boolean;
  readonly seedDemo: boolean;
  readonly clockSkewSeconds: number;
  readonly tokenLifetimeDaysMax: number;
  readonly refreshTokenGraceSeconds: number;
  /** Signs the codes that confirm large revocations; null: each process makes its own. */
  readonly confirmSecret: string | null;
  readonly authFailuresPerMinuteMax: number;
  readonly shutdownGraceMs: number;
  /** Null: audit events are kept forever. */
  readonly auditRetentionDays: number | null;
  /** 0: never by itself. */
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
  /** What is not wrong, but should not stay as it is. */
  readonly warnings: readonly string[];
}

type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
const logLevels: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** One line of the README's settings table; a test holds the two against each other. */
interface Setting {
  readonly name: string;
  readonly default: string;
  readonly means: string;
  readonly secret?: true;
  /** No secret, but long: may be given as a file as well. */
  readonly file?: true;
}

export const settings: readonly Setting[] = [
  { name: 'PORT', default: '3000', means: 'port of the main listener' },
  { name: 'HOST', default: '127.0.0.1; 0.0.0.0 in production', means: 'address to listen on' },
  { name: 'ADMIN_PORT', default: 'none', means: 'moves /v1, /metrics and /docs to a listener of their own' },
  {
    name: 'DATABASE_URL',
    default: 'sqlite:./data/revocation.sqlite',
    means: '`sqlite:PATH` or `postgres://…`; required in production',
    secret: true,
  },
  {
    name: 'PUBLIC_URL',
    default: 'http://HOST:PORT',
    means: 'our identifier, and the namespace of tokens without `iss`; https and required in production',
  },
  { name: 'AUTHORIZATION_SERVER_ISSUER', default: 'PUBLIC_URL', means: 'the issuer that clients know' },
  { name: 'NODE_ENV', default: 'development', means: '`production` refuses insecure defaults' },
  {
    name: 'LOG_LEVEL',
    default: 'info',
    means: 'trace, debug (adds a line per request), info, warn, error, fatal, silent',
  },
  { name: 'LOG_FORMAT', default: 'json; pretty on a terminal', means: '`json` or `pretty`' },
  {
    name: 'TRUST_PROXY',
    default: 'none',
    means: 'CIDRs, comma-separated, whose X-Forwarded-For is believed',
  },
  { name: 'LOGOUT_ALIASES', default: 'none', means: 'further paths, comma-separated, where /logout answers' },
  {
    name: 'MIGRATE_ON_START',
    default: 'yes; no on Postgres in production',
    means: '`yes` or `no`: bring the schema up to date before serving',
  },
  {
    name: 'SEED_DEMO',
    default: 'yes on SQLite on loopback outside production',
    means: '`yes` or `no`: fill an empty database with demo data',
  },
  {
    name: 'JWT_SECRET',
    default: 'none',
    means: 'trusts HS256 tokens signed with it; several, separated by commas or lines, while it is rotated',
    secret: true,
  },
  {
    name: 'JWT_SECRET_ISSUERS',
    default: 'none',
    means: '`iss` values, comma-separated, that such tokens may have; they may also have none',
  },
  {
    name: 'JWT_SECRET_AUDIENCE',
    default: 'none',
    means: 'audience of such tokens where they name none',
  },
  { name: 'JWT_SECRET_CLIENT', default: 'none', means: 'client_id of such tokens where they name none' },
  {
    name: 'AUTHORIZATION_SERVER_METADATA',
    default: 'none',
    means:
      "JSON object: the authorization server's part of the metadata, `response_types_supported` at least",
    file: true,
  },
  {
    name: 'AUTHORIZATION_SERVER_METADATA_URL',
    default: 'none',
    means: 'fetch that part from here; with neither there is no metadata document',
  },
  {
    name: 'SIGNING_KEYS_FILE',
    default: 'beside the database; none in production',
    means: 'keys that sign introspection answers (`keys create`); without it they are not signed',
  },
  {
    name: 'ASSERTION_AUDIENCES',
    default: 'none',
    means: 'further audiences, comma-separated, that client assertions may name: what older clients send',
  },
  {
    name: 'CLIENT_CERT_PROXIES',
    default: 'none',
    means: 'CIDRs, comma-separated, of direct peers whose Client-Cert header (RFC 9440) is believed',
  },
  {
    name: 'TLS_CLIENT_CA_FILE',
    default: 'none: `tls_client_auth` is off',
    means: 'PEM file of the authorities that vouch for client certificates',
  },
  { name: 'CLOCK_SKEW_SECONDS', default: '60', means: "how far ahead an issuer's clock may be" },
  {
    name: 'TOKEN_LIFETIME_DAYS_MAX',
    default: '400',
    means: 'longest life of a token that may be registered',
  },
  {
    name: 'REFRESH_TOKEN_GRACE_SECONDS',
    default: '0',
    means: 'how long a refresh token that was just replaced may be presented again by a client that retries',
  },
  {
    name: 'CONFIRM_SECRET',
    default: 'made by each process',
    means:
      'signs the `confirm` codes of previews, 32 characters or more; give it where several processes serve',
    secret: true,
  },
  {
    name: 'AUTH_FAILURES_PER_MINUTE_MAX',
    default: '30',
    means: 'failed authentications per client and address before 429; per address ten times as many',
  },
  { name: 'SHUTDOWN_GRACE_SECONDS', default: '10', means: 'how long open requests may take after SIGTERM' },
  {
    name: 'AUDIT_RETENTION_DAYS',
    default: 'forever',
    means: 'how long audit events are kept; then they are purged in whole sealed ranges',
  },
  {
    name: 'PURGE_INTERVAL_SECONDS',
    default: '3600',
    means: 'how often what can no longer change a verdict is deleted; 0: only by `purge`',
  },
  {
    name: 'SEAL_INTERVAL_SECONDS',
    default: '60',
    means: 'how often the audit trail is sealed; 0: only by `audit seal`',
  },
  {
    name: 'SEAL_KEY_FILE',
    default: 'beside the database',
    means: 'JWK set of the keys that sign seals, mode 0600; without it production seals nothing',
  },
  {
    name: 'SEAL_FILE',
    default: 'none',
    means: 'append-only file that each seal is written to, best on another machine',
  },
  { name: 'SEAL_WEBHOOK_URL', default: 'none', means: 'https URL that each seal is posted to' },
];

export interface ConfigProblem {
  readonly name: string;
  readonly problem: string;
  readonly remedy: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ name, problem, remedy }) => `  ${name}: ${problem}. ${remedy}`);
    super(`The configuration has ${problems.length} problem(s):\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

const signingSecretLengthMin = 32;

type Env = Readonly<Record<string, string | undefined>>;

/** Throws one ConfigError that lists every problem. */
export function readConfig(env: Env, options: { isTerminal?: boolean } = {}): Config {
  const reader = new Reader(env);
  const production = env.NODE_ENV === 'production';
  const port = reader.integer('PORT', 3000, 0, 65535);
  const host = reader.text('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const adminPort = reader.has('ADMIN_PORT') ? reader.integer('ADMIN_PORT', 0, 0, 65535) : null;
  if (adminPort !== null && adminPort !== 0 && adminPort === port) {
    reader.report('ADMIN_PORT', 'is the same as PORT', 'Give it a port of its own, or leave it out.');
  }
  const databaseUrl = reader.databaseUrl(production);
  const publicUrl = reader.url(
    'PUBLIC_URL',
    production,
    `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`,
  );
  const isSqlite = databaseUrl.startsWith('sqlite:');
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const seedDemo = reader.flag('SEED_DEMO', isSqlite && isLoopback && !production);
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
    logoutAliases: reader.list('LOGOUT_ALIASES', isAlias, 'Give absolute paths such as /api/auth/logout.'),
    migrateOnStart: reader.flag('MIGRATE_ON_START', isSqlite || !production),
    seedDemo,
    clockSkewSeconds: reader.integer('CLOCK_SKEW_SECONDS', 60, 0, 600),
    tokenLifetimeDaysMax: reader.integer('TOKEN_LIFETIME_DAYS_MAX', 400, 1, 36500),
    refreshTokenGraceSeconds: reader.integer('REFRESH_TOKEN_GRACE_SECONDS', 0, 0, 600),
    confirmSecret: reader.longSecret('CONFIRM_SECRET'),
    authFailuresPerMinuteMax: reader.integer('AUTH_FAILURES_PER_MINUTE_MAX', 30, 1, 100_000),
    shutdownGraceMs: reader.integer('SHUTDOWN_GRACE_SECONDS', 10, 0, 600) * 1000,
    auditRetentionDays: reader.has('AUDIT_RETENTION_DAYS')
      ? reader.integer('AUDIT_RETENTION_DAYS', 1, 1, 36500)
      : null,
    purgeIntervalMs: reader.integer('PURGE_INTERVAL_SECONDS', 3600, 0, 86_400) * 1000,
    sealIntervalMs,
    sealKeyFile: reader.text('SEAL_KEY_FILE') ?? besideDatabase(databaseUrl, 'seal-keys.json'),
    sealFile: reader.text('SEAL_FILE') ?? null,
    sealWebhookUrl: reader.has('SEAL_WEBHOOK_URL') ? reader.webhookUrl('SEAL_WEBHOOK_URL', production) : null,
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
  reader.reportMisspelt();
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

/** Reads single variables and collects what is wrong with them. */
class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: string[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  report(name: string, problem: string, remedy: string): void {
    this.problems.push({ name, problem, remedy });
  }

  has(name: string): boolean {
    return (this.#env[name] ?? '') !== '';
  }

  text(name: string): string | undefined {
    return this.has(name) ? this.#env[name] : undefined;
  }

  /** A secret, given directly or as the path of a file in the variable's `_FILE` twin. */
  secret(name: string): string | undefined {
    const path = this.text(`${name}_FILE`);
    if (path === undefined) return this.text(name);
    if (this.has(name)) {
      this.report(name, `is given, and so is ${name}_FILE`, 'Keep one of them.');
      return undefined;
    }
    try {
      return readFileSync(path, 'utf8').trim();
    } catch {
      this.report(`${name}_FILE`, 'names a file that cannot be read', 'Check its path and permissions.');
      return undefined;
    }
  }

  /** A secret that signs; null when none is given. */
  longSecret(name: string): string | null {
    const text = this.secret(name);
    if (text !== undefined && text.length < signingSecretLengthMin)
      this.report(name, 'is too short', 'Give it 32 random characters, e.g. `openssl rand -base64 32`.');
    return text ?? null;
  }

  integer(name: string, otherwise: number, min: number, max: number): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.report(name, 'is no whole number in range', `Give one from ${min} to ${max}.`);
    return otherwise;
  }

  flag(name: string, otherwise: boolean): boolean {
    const words = { yes: true, true: true, '1': true, no: false, false: false, '0': false };
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = words[text.toLowerCase() as keyof typeof words];
    if (value === undefined) this.report(name, 'is neither yes nor no', 'Give `yes` or `no`.');
    return value ?? otherwise;
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = choices.find((choice) => choice === text);
    if (value === undefined)
      this.report(name, 'is not one of its values', `Give one of: ${choices.join(', ')}.`);
    return value ?? otherwise;
  }

  list(name: string, isValid: (item: string) => boolean, remedy: string): string[] {
    const items = (this.text(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    if (!items.every(isValid)) this.report(name, 'has an entry of the wrong form', remedy);
    return items;
  }

  /** An absolute URL without query and fragment; https where `strict`. */
  url(name: string, strict: boolean, otherwise: string): string {
    const text = this.text(name);
    if (text === undefined) {
      if (strict)
        this.report(name, 'is missing', 'Set it to the https URL under which this server is reached.');
      return otherwise;
    }
    if (!URL.canParse(text) || /[?#\s]/.test(text) || !/^https?:$/.test(new URL(text).protocol)) {
      this.report(
        name,
        'is no http(s) URL without query and fragment',
        'Set it to a URL such as https://id.example.com.',
      );
    } else if (strict && !text.startsWith('https:')) {
      this.report(name, 'is not https', 'Set it to an https URL; terminate TLS in front of this server.');
    }
    return text;
  }

  databaseUrl(production: boolean): string {
    const text = this.secret('DATABASE_URL');
    if (text === undefined) {
      if (production) {
        const remedy = 'Set it to postgres://… or to sqlite:PATH on a disk that is backed up.';
        this.report('DATABASE_URL', 'is missing', remedy);
      }
      return 'sqlite:./data/revocation.sqlite';
    }
    const isSqlite = /^sqlite:(?!:memory:$)./.test(text);
    if (!isSqlite && !(/^postgres(ql)?:\/\//.test(text) && URL.canParse(text))) {
      this.report(
        'DATABASE_URL',
        'is no database URL that is known',
        'Set it to sqlite:PATH or to postgres://….',
      );
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

  /** A key that we made ourselves in production would be lost with the machine: then nothing is sealed. */
  sealIntervalMs(production: boolean): number {
    const ms = this.integer('SEAL_INTERVAL_SECONDS', 60, 0, 86_400) * 1000;
    if (ms === 0 || !production || this.has('SEAL_KEY_FILE')) return ms;
    const remedy = 'make the key there once with `audit rotate-key`';
    this.warnings.push(
      `SEAL_KEY_FILE is missing, so audit events are not sealed; set it to a path, and ${remedy}`,
    );
    return 0;
  }

  /** May hold a query, which is how some receivers authenticate. */
  webhookUrl(name: string, strict: boolean): string {
    const text = this.text(name) ?? '';
    const protocols = strict ? /^https:$/ : /^https?:$/;
    if (!URL.canParse(text) || !protocols.test(new URL(text).protocol))
      this.report(name, 'is no https URL', 'Set it to the https URL that is to receive the seals.');
    return text;
  }

  /** One secret, or several while they are rotated: by lines where there are lines, else by commas. */
  sharedSecret(production: boolean): SharedSecretSettings {
    const text = this.secret('JWT_SECRET') ?? '';
    const secrets = text
      .split(text.includes('\n') ? /\r?\n/ : ',')
      .map((secret) => secret.trim())
      .filter((secret) => secret !== '');
    const problem = secrets.map(weaknessOf).find((weakness) => weakness !== undefined);
    if (problem && production) {
      this.report('JWT_SECRET', problem, 'Sign with at least 32 random bytes: openssl rand -base64 48.');
    } else if (problem) {
      this.warnings.push(`JWT_SECRET ${problem}; production refuses it`);
    }
    const settings: SharedSecretSettings = {
      secrets,
      issuers: this.list('JWT_SECRET_ISSUERS', (name) => name.length <= 512, 'Give `iss` values.'),
      audience: this.text('JWT_SECRET_AUDIENCE') ?? null,
      client: this.text('JWT_SECRET_CLIENT') ?? null,
    };
    for (const name of ['JWT_SECRET_ISSUERS', 'JWT_SECRET_AUDIENCE', 'JWT_SECRET_CLIENT']) {
      if (secrets.length === 0 && this.has(name))
        this.report(name, 'is given without JWT_SECRET', 'Give JWT_SECRET too, or leave this out.');
    }
    return settings;
  }

  /** A variable that is nearly the name of a setting is a mistake waiting to be noticed at the wrong time. */
  reportMisspelt(): void {
    const known = settings.flatMap(({ name, secret, file }) =>
      secret || file ? [name, `${name}_FILE`] : [name],
    );
    for (const name of Object.keys(this.#env)) {
      if (known.includes(name) || !/^[A-Z][A-Z_]{5,}$/.test(name)) continue;
      const meant = known.find((other) => other.length > 5 && isNearly(name, other));
      if (meant) this.report(name, 'is no setting', `Did you mean ${meant}?`);
    }
  }
}

function besideDatabase(databaseUrl: string, file: string): string {
  if (!databaseUrl.startsWith('sqlite:')) return join('data', file);
  return join(dirname(databaseUrl.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')), file);
}

const secretBytesMin = 32;

/** What the sample secrets of tutorials and tools are made of. */
const sampleWords = new Set(
  `a and at be bit bits byte bytes change changeme changethis char characters chars default dev development
  do enough environment example for from here hmac hs in is it json jwt key keyboard cat least length long
  longer made me min minimum must my new not of or password please private prod production random
  replace safe sample secret secretkey secure shhh shhhhh should sign signing something string strong super
  supersecret supersecretkey test than that the this to token use value very web with you your`.split(/\s+/),
);

function weaknessOf(secret: string): string | undefined {
  if (Buffer.byteLength(secret) < secretBytesMin) return `has a secret under ${secretBytesMin} bytes`;
  const words = secret.toLowerCase().match(/[a-z]+/g) ?? [];
  const isSample = words.length > 0 && words.every((word) => sampleWords.has(word));
  if (new Set(secret).size < 8 || isSample) return 'has a secret that is a well-known sample';
  return undefined;
}

/** At most one letter added, left out or changed, or two neighbours swapped. */
function isNearly(name: string, other: string): boolean {
  if (Math.abs(name.length - other.length) > 1) return false;
  let head = 0;
  while (head < name.length && name[head] === other[head]) head++;
  let tail = 0;
  const tailMax = Math.min(name.length, other.length) - head;
  while (tail < tailMax && name.at(-1 - tail) === other.at(-1 - tail)) tail++;
  const [left, right] = [name.slice(head, name.length - tail), other.slice(head, other.length - tail)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

function isCidr(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const widest = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return widest > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest));
}

/** The peers whose word about a request's origin is believed. */
export function trustedPeers(cidrs: readonly string[]): BlockList {
  const peers = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    peers.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family);
  }
  return peers;
}

function isAlias(text: string): boolean {
  return (
    /^\/[A-Za-z0-9._~/-]{1,200}$/.test(text) &&
    !/^\/(v1|health|revoke|introspect|logout|metrics|docs)(\/|$)/.test(text)
  );
}
