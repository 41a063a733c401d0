// Property: whatever is registered, rotated, revoked and logged out, in whatever order and while time passes,
// a token is active exactly when a model says so that keeps nothing but the list of tokens and their dates.
import fc from 'fast-check';
import { systemOrigin } from '../../src/domain/audit.ts';
import { digestOf } from '../../src/domain/claims.ts';
import { introspectToken } from '../../src/domain/introspect/introspect-token.ts';
import type { Client } from '../../src/domain/records/clients.ts';
import { createClient, plainClient } from '../../src/domain/records/manage-clients.ts';
import { registerToken } from '../../src/domain/register/register-token.ts';
import { opaqueRegistration, type Registered } from '../../src/domain/register/registration.ts';
import { logOut } from '../../src/domain/revoke/log-out.ts';
import { logOutUser } from '../../src/domain/revoke/log-out-user.ts';
import type { LogoutScope } from '../../src/domain/revoke/logout-scope.ts';
import { revokeToken } from '../../src/domain/revoke/revoke-token.ts';
import type { Store } from '../../src/domain/store.ts';
import { openStore } from '../../src/store/open.ts';
import { testEachStore } from '../helpers/each-database.ts';
import { policy } from '../helpers/policy.ts';
import { presentOpaque } from '../helpers/present-opaque.ts';

const start = 1_800_000_000_000;
const lifeSeconds = { access_token: 20, refresh_token: 60 } as const;

type Step =
  | { readonly do: 'login'; readonly user: number; readonly agoMs: number }
  | { readonly do: 'access'; readonly of: number }
  | { readonly do: 'rotate'; readonly of: number }
  | { readonly do: 'revoke'; readonly of: number }
  | { readonly do: 'log out'; readonly of: number; readonly scope: LogoutScope }
  | { readonly do: 'log out user'; readonly user: number }
  | { readonly do: 'wait'; readonly ms: number };

const pick = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('login' as const),
      user: fc.nat(1),
      agoMs: fc.constantFrom(0, 0, 500, 3000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('access' as const), of: pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rotate' as const), of: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke' as const), of: pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('log out' as const),
      of: pick,
      scope: fc.constantFrom('current' as const, 'others' as const, 'all' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('log out user' as const), user: fc.nat(1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 999, 1000, 15_000, 45_000),
    }),
  },
);

/** A token as the model knows it; `login` stands for its session and for its grant. */
interface Token {
  readonly name: string;
  readonly user: string;
  readonly login: string;
  readonly isRefresh: boolean;
  readonly issuedAt: number;
  readonly expiresAt: number;
  dead: boolean;
  superseded: boolean;
}

/** The model: killing marks each token that there is, and remembers what later ones are killed by. */
class Model {
  readonly tokens: Token[] = [];
  readonly #deadLogins = new Set<string>();
  readonly #cutoffs: { user: string; at: number; except: string | null }[] = [];

  add(token: Token): Token {
    this.tokens.push(token);
    const isCut = this.#cutoffs.some(
      ({ user, at, except }) => user === token.user && token.issuedAt <= at && token.login !== except,
    );
    token.dead = this.#deadLogins.has(token.login) || isCut;
    return token;
  }

  killLogin(login: string): void {
    this.#deadLogins.add(login);
    for (const token of this.tokens) if (token.login === login) token.dead = true;
  }

  killUser(user: string, at: number, except: string | null): void {
    this.#cutoffs.push({ user, at, except });
    for (const token of this.tokens)
      if (token.user === user && token.login !== except && token.issuedAt <= at) token.dead = true;
  }

  isAlive(token: Token, now: number): boolean {
    return !token.dead && !token.superseded && now < token.expiresAt;
  }

  isLoginAlive(login: string, now: number): boolean {
    return this.tokens.some((token) => token.login === login && this.isAlive(token, now));
  }
}

/** Plays a history on the store and on the model, and compares what they say after each step. */
class Play {
  readonly #store: Store;
  readonly #client: Client;
  readonly #model = new Model();
  readonly #clock: { now: number };
  readonly #prefix: string;
  #names = 0;

  constructor(store: Store, client: Client, clock: { now: number }, prefix: string) {
    this.#store = store;
    this.#client = client;
    this.#clock = clock;
    this.#prefix = prefix;
  }

  /** Resolves to what the two disagree about, or to undefined. */
  async run(steps: readonly Step[]): Promise<string | undefined> {
    for (const [n, step] of steps.entries()) {
      const disagreement = (await this.#take(step)) ?? (await this.#compare());
      if (disagreement) return `step ${n} (${step.do}): ${disagreement}`;
    }
    return undefined;
  }

  async #take(step: Step): Promise<string | undefined> {
    const { tokens } = this.#model;
    const token = 'of' in step ? tokens[step.of % Math.max(1, tokens.length)] : undefined;
    switch (step.do) {
      case 'wait':
        this.#clock.now += step.ms;
        return undefined;
      case 'login':
        return this.#register(this.#user(step.user), this.#name('login'), 'refresh_token', step.agoMs);
      case 'access':
        return token && this.#register(token.user, token.login, 'access_token', 0);
      case 'rotate':
        return token?.isRefresh ? this.#rotate(token) : undefined;
      case 'revoke':
        return token && this.#revoke(token);
      case 'log out':
        return token && this.#logOut(token, step.scope);
      case 'log out user':
        return this.#logOutUser(this.#user(step.user));
    }
  }

  async #register(
    user: string,
    login: string,
    use: 'access_token' | 'refresh_token',
    agoMs: number,
  ): Promise<string | undefined> {
    const token = this.#newToken(user, login, use, agoMs);
    this.#model.add(token);
    const registered = await this.#send(token, use, null);
    const expected = this.#model.isAlive(token, this.#clock.now);
    const isSo = registered.status === 'registered' && registered.active === expected;
    return isSo ? undefined : `${token.name} should be registered, active: ${expected}`;
  }

  async #rotate(old: Token): Promise<string | undefined> {
    const { now } = this.#clock;
    const token = this.#newToken(old.user, old.login, 'refresh_token', 0);
    const registered = await this.#send(token, 'refresh_token', old.name);
    const said = registered.status === 'conflict' ? registered.code : registered.status;
    if (old.superseded) {
      this.#model.killLogin(old.login);
      return said === 'refresh_token_reuse' ? undefined : `${said} instead of reuse of ${old.name}`;
    }
    if (!this.#model.isAlive(old, now)) {
      return said === 'refresh_token_dead' ? undefined : `${said} instead of ${old.name} being dead`;
    }
    old.superseded = true;
    this.#model.add(token);
    return said === 'registered' ? undefined : `${said} instead of a rotation of ${old.name}`;
  }

  async #revoke(token: Token): Promise<string | undefined> {
    const { now } = this.#clock;
    const expected = token.isRefresh
      ? this.#model.isLoginAlive(token.login, now)
      : this.#model.isAlive(token, now);
    if (expected && token.isRefresh) this.#model.killLogin(token.login);
    if (expected) token.dead = true;
    const { status } = await revokeToken(this.#store, policy, {
      caller: this.#client,
      presented: presentOpaque(token.name),
      ...because,
    });
    return (status === 'revoked') === expected ? undefined : `${status}, expected revoked: ${expected}`;
  }

  async #logOut(token: Token, asked: LogoutScope): Promise<string | undefined> {
    const { now } = this.#clock;
    const expected = this.#model.isLoginAlive(token.login, now);
    const scope = this.#model.isAlive(token, now) ? asked : 'current';
    if (expected && scope !== 'others') this.#model.killLogin(token.login);
    if (expected && scope !== 'current')
      this.#model.killUser(token.user, now, scope === 'others' ? token.login : null);
    const proof = { refresh: presentOpaque(token.name), bearer: null, claimedUserId: null };
    const outcome = await logOut(this.#store, policy, { ...proof, scope: asked, metadata: {}, ...because });
    const said = outcome.status === 'logged_out' ? outcome.scope : outcome.status;
    const wanted = expected ? scope : 'already_logged_out';
    return said === wanted ? undefined : `${said}, expected ${wanted}`;
  }

  async #logOutUser(user: string): Promise<undefined> {
    this.#model.killUser(user, this.#clock.now, null);
    const issuer = policy.publicUrl;
    await logOutUser(this.#store, policy, { issuer, userId: user, metadata: {}, ...because });
  }

  async #compare(): Promise<string | undefined> {
    const { tokens } = this.#model;
    const asked = tokens.map((token) =>
      introspectToken(this.#store, this.#client, presentOpaque(token.name)),
    );
    const answers = await Promise.all(asked);
    const wrong = tokens.find(
      (token, n) => answers[n]?.active !== this.#model.isAlive(token, this.#clock.now),
    );
    return wrong && `${wrong.name} should be active: ${this.#model.isAlive(wrong, this.#clock.now)}`;
  }

  #send(token: Token, use: 'access_token' | 'refresh_token', replaces: string | null): Promise<Registered> {
    const { clientId } = this.#client;
    const registration = opaqueRegistration(digestOf(token.name), {
      tokenUse: use,
      issuer: policy.publicUrl,
      clientId,
      subject: token.user,
      grantId: `grant of ${token.login}`,
      sessionId: `session of ${token.login}`,
      iat: token.issuedAt / 1000,
      exp: token.expiresAt / 1000,
      replacesDigest: replaces === null ? null : digestOf(replaces),
    });
    return registerToken(this.#store, policy, clientId, systemOrigin, registration);
  }

  #newToken(user: string, login: string, use: 'access_token' | 'refresh_token', agoMs: number): Token {
    const issuedAt = this.#clock.now - agoMs;
    const expiresAt = issuedAt + lifeSeconds[use] * 1000;
    const isRefresh = use === 'refresh_token';
    return {
      name: this.#name('token'),
      user,
      login,
      isRefresh,
      issuedAt,
      expiresAt,
      dead: false,
      superseded: false,
    };
  }

  #user(n: number): string {
    return `${this.#prefix} user ${n}`;
  }

  #name(kind: string): string {
    this.#names += 1;
    return `${this.#prefix} ${kind} ${this.#names}`;
  }
}

const because = { reason: 'client_request', reasonText: null, origin: systemOrigin } as const;

testEachStore('a token is active exactly when the model of its history says so', async (t, database) => {
  const clock = { now: start };
  const store = openStore(database.url, { now: () => clock.now });
  const client = await addClient(store);
  let histories = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
    histories += 1;
    const disagreement = await new Play(store, client, clock, `history ${histories},`).run(steps);
    if (disagreement) throw new Error(disagreement);
  });
  await t.notThrowsAsync(fc.assert(property, { numRuns: 60 }));
  await store.close();
});

async function addClient(store: Store): Promise<Client> {
  const fields = plainClient({ clientId: 'app', authMethod: 'none', logoutScope: 'all' });
  const created = await createClient(store, systemOrigin, fields);
  if (created.status !== 'created') throw new Error(created.status);
  return created.client;
}
