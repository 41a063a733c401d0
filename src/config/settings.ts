// Every setting: its name, its default and what it means. The README's table is this one; a test compares them.

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
  { name: 'WORKERS', default: '1', means: 'processes, at most 64, that share the ports; see Operating it' },
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
    default: 'beside the SQLite database, else in ./data; none in production',
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
    default: 'made at each start',
    means:
      'signs the `confirm` codes of previews, 32 characters or more; give it where several servers share a database',
    secret: true,
  },
  {
    name: 'AUTH_FAILURES_PER_MINUTE_MAX',
    default: '30',
    means: 'failed authentications per client and address before 429; per address ten times as many',
  },
  {
    name: 'INTROSPECTIONS_AT_ONCE_MAX',
    default: '1000',
    means:
      'introspections under way at once; beyond it they get 503, so that revocations are not kept waiting',
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
    default: 'beside the SQLite database, else in ./data',
    means: 'JWK set of the keys that sign seals, mode 0600; without it production seals nothing',
  },
  {
    name: 'SEAL_FILE',
    default: 'none',
    means: 'append-only file that each seal is written to, best on another machine',
  },
  { name: 'SEAL_WEBHOOK_URL', default: 'none', means: 'https URL that each seal is posted to' },
];
