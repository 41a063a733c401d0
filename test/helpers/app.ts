// A running server for tests: on a database of its own, with a clock that stands still until it is moved, a
// store that can be told to fail, and a captured log. Every response is held against openapi.yaml; when the
// test ends, no log line and no column of any table may hold a token or secret that it used.
import { randomBytes } from 'node:crypto';
import { type Config, readConfig } from '../../src/config.ts';
import { type AuditEvent, systemOrigin } from '../../src/domain/audit.ts';
import { type Policy, policyOf } from '../../src/domain/policy.ts';
import { createClient, type NewClient, plainClient } from '../../src/domain/records/manage-clients.ts';
import { createLog } from '../../src/log.ts';
import { type RunningServer, serveStore } from '../../src/server.ts';
import type { TrailWork } from '../../src/upkeep/trail-work.ts';
import type { TestDatabase } from './databases.ts';
import { dump, findSecrets } from './dump.ts';
import { type FaultyStore, faultyStore } from './faulty-store.ts';
import { openTestStore } from './open-test-store.ts';
import {
  type Auth,
  encodeForm,
  type Fields,
  type Reply,
  type RequestParts,
  send,
  type TestClient,
} from './requests.ts';
import { problemsOf } from './response-contract.ts';

export const publicUrl = 'https://tokens.example';
/** The audience of tokens that `register` makes, unless told otherwise. */
export const api = 'https://api.example';

/** Nothing is written but by what a test does, however long it takes. */
const quiet = { SEAL_INTERVAL_SECONDS: '0', PURGE_INTERVAL_SECONDS: '0' };
const defaults = {
  PORT: '0',
  PUBLIC_URL: publicUrl,
  LOG_LEVEL: 'debug',
  LOG_FORMAT: 'json',
  // Tests have their answers before they stop it; their connections are kept.
  SHUTDOWN_GRACE_SECONDS: '0',
  ...quiet,
};

/** Settings as environment variables, over those of a test. */
export type TestSettings = Readonly<Record<string, string>>;

export class TestApp {
  readonly database: TestDatabase;
  readonly config: Config;
  readonly policy: Policy;
  readonly store: FaultyStore;
  /** Lines of the log, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** The clock of server and store; it moves only when a test moves it. */
  readonly clock: { now: number };
  /** Strings that must never be found in the log or the database. */
  readonly secrets: Set<string>;
  readonly #server: RunningServer;
  readonly #own = new Map<string, Promise<TestClient>>();
  readonly #others: TestApp[] = [];

  private constructor(
    parts: Pick<TestApp, 'database' | 'config' | 'store' | 'clock' | 'secrets' | 'log'>,
    server: RunningServer,
  ) {
    this.database = parts.database;
    this.config = parts.config;
    this.store = parts.store;
    this.clock = parts.clock;
    this.secrets = parts.secrets;
    this.log = parts.log;
    this.policy = policyOf(parts.config);
    this.#server = server;
  }

  static async start(
    database: TestDatabase,
    settings: TestSettings = {},
    clock = { now: Date.now() },
    secrets: Set<string> = new Set(),
    work?: TrailWork,
  ): Promise<TestApp> {
    const config = readConfig({ ...defaults, DATABASE_URL: database.url, ...settings });
    const lines: Record<string, unknown>[] = [];
    const log = createLog({
      level: config.logLevel,
      format: 'json',
      write: (line) => lines.push(JSON.parse(line)),
    });
    const now = () => clock.now;
    const store = faultyStore(
      openTestStore(database.url, { now, lifetimeDaysMax: config.tokenLifetimeDaysMax }),
    );
    const server = await serveStore(store, config, log, { nodeVersion: process.version, now }, work);
    return new TestApp({ database, config, store, clock, secrets, log: lines }, server);
  }

  /** Another server on the same database and clock, as a second process would be. It stops with this one. */
  async another(settings: TestSettings = {}): Promise<TestApp> {
    const other = await TestApp.start(this.database, settings, this.clock, this.secrets);
    this.#others.push(other);
    return other;
  }

  get url(): string {
    return this.#server.url;
  }

  get adminUrl(): string {
    return this.#server.adminUrl;
  }

  /** Seconds since the epoch, as issuers write times. */
  get seconds(): number {
    return Math.floor(this.clock.now / 1000);
  }

  advance(seconds: number): void {
    this.clock.now += seconds * 1000;
  }

  /** A token string that the server has not seen; it is looked for when the test ends. */
  newToken(prefix = 'tok'): string {
    return this.secret(`${prefix}_${randomBytes(24).toString('base64url')}`);
  }

  /** Marks a string as one that must not be written down anywhere. */
  secret(text: string): string {
    this.secrets.add(text);
    return text;
  }

  async addClient(fields: Partial<NewClient> = {}): Promise<TestClient> {
    const clientId = fields.clientId ?? `client-${randomBytes(4).toString('hex')}`;
    const secret = this.secret(randomBytes(32).toString('base64url'));
    const created = await createClient(
      this.store,
      systemOrigin,
      plainClient({ ...fields, clientId }),
      secret,
    );
    if (created.status !== 'created') throw new Error(`there is a client ${clientId} already`);
    return { client_id: clientId, secret };
  }

  /** The client that `register` registers with. */
  issuer(): Promise<TestClient> {
    return this.#ownClient('test-issuer', ['register']);
  }

  /** May introspect everything. */
  observer(): Promise<TestClient> {
    return this.#ownClient('test-observer', ['introspect:any']);
  }

  /** May read the audit trail. */
  auditor(): Promise<TestClient> {
    return this.#ownClient('test-auditor', ['audit']);
  }

  /** Registers a token of `client_id` over HTTP, live for an hour, and resolves to it. */
  async register(members: Readonly<Record<string, unknown>>): Promise<string> {
    const token = String(members.token ?? this.newToken());
    const reply = await this.json(
      '/v1/tokens',
      this.registration({ ...members, token }),
      await this.issuer(),
    );
    if (reply.status !== 201) throw new Error(`a registration was answered ${reply.status}: ${reply.text}`);
    return this.secret(token);
  }

  /** What an issuer says of a token; `client_id` and one of `token`, `token_digest` are the caller's to give. */
  registration(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { seconds } = this;
    return { token_use: 'access_token', iat: seconds, exp: seconds + 3600, aud: api, ...members };
  }

  form(path: string, fields: Fields | string, auth?: Auth, parts: RequestParts = {}): Promise<Reply> {
    const body = typeof fields === 'string' ? fields : encodeForm(fields);
    return this.request('POST', path, { auth, type: 'application/x-www-form-urlencoded', body, ...parts });
  }

  json(path: string, value: unknown, auth?: Auth, parts: RequestParts = {}): Promise<Reply> {
    const body = JSON.stringify(value);
    return this.request('POST', path, { auth, type: 'application/json', body, ...parts });
  }

  patch(path: string, value: unknown, auth?: Auth, parts: RequestParts = {}): Promise<Reply> {
    const type = 'application/merge-patch+json';
    return this.request('PATCH', path, { auth, type, body: JSON.stringify(value), ...parts });
  }

  delete(path: string, auth?: Auth, parts: RequestParts = {}): Promise<Reply> {
    return this.request('DELETE', path, { auth, ...parts });
  }

  get(path: string, auth?: Auth, parts: RequestParts = {}): Promise<Reply> {
    return this.request('GET', path, { auth, ...parts });
  }

  /** Sends a request; throws when the response is not one that openapi.yaml describes. */
  async request(method: string, path: string, parts: RequestParts = {}): Promise<Reply> {
    const isAdmin = /^\/(v1|metrics|docs)(\/|$|\?)/.test(path);
    const reply = await send(isAdmin ? this.adminUrl : this.url, method, path, parts);
    this.#check(method, path, reply);
    return reply;
  }

  /** What introspection tells a caller that may see everything. */
  async introspect(token: string): Promise<Reply['body']> {
    return (await this.form('/introspect', { token }, await this.observer())).body;
  }

  async isActive(token: string): Promise<boolean> {
    return (await this.introspect(token)).active;
  }

  /** The audit trail, oldest first; those of one action when it is given. */
  async events(action?: string): Promise<AuditEvent[]> {
    const head = await this.store.findEventHead();
    const filter = { through: head, ...(action !== undefined && { action }) };
    const recorded = await this.store.listEvents(filter, head + 1, 10_000);
    return recorded.reverse().map(({ salts: _, erased: __, ...event }) => event);
  }

  /** Stops the server; resolves to the places where a token or secret was written down. */
  async stop(): Promise<string[]> {
    const leaks = (await Promise.all(this.#others.map((other) => other.stop()))).flat();
    this.store.fault = 'none';
    await this.#server.stop();
    const logged = JSON.stringify(this.log);
    const inLog = [...this.secrets].some((secret) => secret.length >= 8 && logged.includes(secret));
    return [...leaks, ...(inLog ? ['the log'] : []), ...findSecrets(await dump(this.database), this.secrets)];
  }

  #check(method: string, path: string, { status, headers, text }: Reply): void {
    const problems = problemsOf({ method, path, status, headers, text }, this.config.logoutAliases);
    const shown = [...this.secrets].some((secret) => secret.length >= 8 && text.includes(secret));
    if (shown) problems.push('the answer repeats a token or secret');
    if (problems.length === 0) return;
    throw new Error(
      `${method} ${path} → ${status} is not as openapi.yaml says: ${problems.join('; ')}\n${text.slice(0, 2000)}`,
    );
  }

  #ownClient(clientId: string, permissions: NewClient['permissions']): Promise<TestClient> {
    const client =
      this.#own.get(clientId) ??
      this.addClient({ clientId: `${clientId}-${randomBytes(3).toString('hex')}`, permissions });
    this.#own.set(clientId, client);
    return client;
  }
}
