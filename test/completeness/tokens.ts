// The outcomes of /revoke, /introspect, alone and in batches, and /logout.
import type { TestApp } from '../helpers/app.ts';
import { refOf } from '../helpers/claims.ts';
import type { TestClient } from '../helpers/requests.ts';
import { client, nobody, type Outcomes, refused } from './outcomes.ts';

export interface TokenWorld {
  readonly app: TestApp;
  /** Whose tokens are shown. */
  readonly owner: TestClient;
  readonly other: TestClient;
  /** Without a secret. */
  readonly browser: TestClient;
  readonly server: TestClient;
  readonly operator: TestClient;
}

export async function tokenWorld(app: TestApp): Promise<TokenWorld> {
  return {
    app,
    owner: await app.addClient({ clientId: 'owner', logoutScope: 'all' }),
    other: await app.addClient({ clientId: 'other' }),
    browser: await app.addClient({ clientId: 'browser', authMethod: 'none' }),
    server: await app.addClient({ clientId: 'server', permissions: ['introspect:any'] }),
    operator: await app.addClient({ clientId: 'operator', permissions: ['revoke:any'] }),
  };
}

let logins = 0;

/** A token of `owner`, and how events name it. */
async function issue({ app, owner }: TokenWorld, members: Record<string, unknown> = {}) {
  logins += 1;
  const [sub, session_id] = [`u${logins}`, `s${logins}`];
  const token = await app.register({ client_id: owner.client_id, sub, session_id, ...members });
  const named = { userId: sub, sessionId: session_id, clientId: owner.client_id, tokenRef: refOf(token) };
  return { token, sub, named, user: { kind: 'user', id: sub } as const };
}

const wrong = (of: TestClient) => [of.client_id, 'w'.repeat(43)] as const;
const past = ({ app }: TokenWorld) => ({ iat: app.seconds - 100, exp: app.seconds - 1 });

export const revokeOutcomes: Outcomes<TokenWorld> = {
  'POST /revoke: revoked': async (world) => {
    const { token, named } = await issue(world);
    return {
      act: (caller) => caller.form('/revoke', { token, reason: 'lost my phone' }, world.owner),
      status: 200,
      events: [
        {
          action: 'revoke',
          actor: client('owner'),
          ...named,
          reason: 'client_request',
          reasonText: 'lost my phone',
        },
      ],
    };
  },
  'POST /revoke: revoked before': async (world) => {
    const { token, named } = await issue(world);
    await world.app.form('/revoke', { token }, world.owner);
    return {
      act: (caller) => caller.form('/revoke', { token, reason: 'offboarding' }, world.operator),
      status: 200,
      events: [
        {
          action: 'revoke_already_revoked',
          actor: client('operator'),
          ...named,
          reason: 'client_request',
          reasonText: 'offboarding',
        },
      ],
    };
  },
  'POST /revoke: expired': async (world) => {
    const { token, named } = await issue(world, past(world));
    return {
      act: (caller) => caller.form('/revoke', { token }, world.owner),
      status: 200,
      events: [
        { action: 'revoke_expired_token', actor: client('owner'), ...named, reason: 'client_request' },
      ],
    };
  },
  'POST /revoke: unknown': async ({ app, owner }) => {
    const token = app.newToken();
    return {
      act: (caller) => caller.form('/revoke', { token }, owner),
      status: 200,
      events: [
        {
          action: 'revoke_invalid_token',
          actor: client('owner'),
          clientId: 'owner',
          tokenRef: refOf(token),
          reason: 'client_request',
        },
      ],
    };
  },
  'POST /revoke: of another client': async (world) => {
    const { token } = await issue(world);
    return {
      act: (caller) => caller.form('/revoke', { token }, world.other),
      status: 400,
      events: [
        {
          action: 'revoke_foreign_token',
          actor: client('other'),
          clientId: 'other',
          tokenRef: refOf(token),
          reason: 'client_request',
        },
      ],
    };
  },
  'POST /revoke: of another client, by a public one': async (world) => {
    const { token } = await issue(world);
    return {
      act: (caller) => caller.form('/revoke', { token, client_id: 'browser' }),
      status: 200,
      events: [
        {
          action: 'revoke_foreign_token',
          actor: client('browser'),
          clientId: 'browser',
          tokenRef: refOf(token),
          reason: 'client_request',
        },
      ],
    };
  },
  'POST /revoke: without a token': async ({ owner }) => ({
    act: (caller) => caller.form('/revoke', {}, owner),
    status: 400,
    events: [refused(owner, 'invalid_request', '/revoke')],
  }),
  'POST /revoke: wrong secret': async (world) => {
    const { token } = await issue(world);
    return {
      act: (caller) => caller.form('/revoke', { token }, wrong(world.owner)),
      status: 401,
      events: [{ action: 'client_auth_failed', actor: nobody, clientId: 'owner' }],
    };
  },
  'POST /revoke: unknown client': async ({ app }) => ({
    act: (caller) => caller.form('/revoke', { token: app.newToken() }, ['stranger', 'w'.repeat(43)]),
    status: 401,
    events: [{ action: 'client_auth_failed', actor: nobody }],
  }),
  'POST /revoke: nobody asks': async ({ app }) => ({
    act: (caller) => caller.form('/revoke', { token: app.newToken() }),
    status: 401,
    events: [],
  }),
};

export const introspectOutcomes: Outcomes<TokenWorld> = {
  'POST /introspect: revoked': async (world) => {
    const { token, named } = await issue(world);
    await world.app.form('/revoke', { token, reason: 'credential_compromise' }, world.owner);
    return {
      act: (caller) => caller.form('/introspect', { token }, world.server),
      status: 200,
      events: [
        {
          action: 'dead_token_presented',
          actor: client('server'),
          ...named,
          reason: 'credential_compromise',
        },
      ],
      unwritten: null,
    };
  },
  'POST /introspect: not permitted': async (world) => {
    const { token } = await issue(world);
    return {
      act: (caller) => caller.form('/introspect', { token }, world.owner),
      status: 403,
      events: [refused(world.owner, 'insufficient_permission', '/introspect')],
    };
  },
  'POST /introspect: without a token': async ({ server }) => ({
    act: (caller) => caller.form('/introspect', {}, server),
    status: 400,
    events: [refused(server, 'invalid_request', '/introspect')],
  }),
  'POST /introspect: a bearer that is none': async ({ app }) => ({
    act: (caller) => caller.form('/introspect', { token: app.newToken() }, `Bearer ${app.newToken()}`),
    status: 401,
    events: [{ action: 'client_auth_failed', actor: nobody }],
  }),
  'POST /introspect/batch: one of them revoked': async (world) => {
    const { token, named } = await issue(world);
    await world.app.form('/revoke', { token, reason: 'credential_compromise' }, world.owner);
    return {
      act: (caller) =>
        caller.json('/introspect/batch', { tokens: [world.app.newToken(), token] }, world.server),
      status: 200,
      events: [
        {
          action: 'dead_token_presented',
          actor: client('server'),
          ...named,
          reason: 'credential_compromise',
        },
      ],
      unwritten: null,
    };
  },
  'POST /introspect/batch: not permitted': async (world) => ({
    act: (caller) => caller.json('/introspect/batch', { tokens: [world.app.newToken()] }, world.owner),
    status: 403,
    events: [refused(world.owner, 'insufficient_permission', '/introspect/batch')],
  }),
  'POST /introspect/batch: without tokens': async ({ server }) => ({
    act: (caller) => caller.json('/introspect/batch', {}, server),
    status: 400,
    events: [],
  }),
  // The last one: its sessions are touched some seconds later.
  'POST /introspect: alive, expired or unknown': async (world) => {
    const tokens = [
      (await issue(world)).token,
      (await issue(world, past(world))).token,
      world.app.newToken(),
    ];
    return {
      act: async (caller) => {
        for (const token of tokens) await caller.form('/introspect', { token }, world.server);
        return caller.form('/introspect', { token: String(tokens[0]) }, world.server);
      },
      status: 200,
      events: [],
    };
  },
};

const logoutReason = { reason: 'user_initiated_logout' } as const;

export const logoutOutcomes: Outcomes<TokenWorld> = {
  'POST /logout: logged out': async (world) => {
    const { token, named, user } = await issue(world);
    const body = { refresh_token: token, reason: 'tired', timestamp: '2026-11-20T10:30:00Z' };
    const metadata = { client_timestamp: '2026-11-20T10:30:00Z', scope: 'current' };
    return {
      act: (caller) => caller.json('/logout', body),
      status: 200,
      events: [{ action: 'logout', actor: user, ...named, ...logoutReason, reasonText: 'tired', metadata }],
    };
  },
  'POST /logout: everywhere': async (world) => {
    const { token, named, user } = await issue(world);
    return {
      act: (caller) => caller.json('/logout', { scope: 'all' }, `Bearer ${token}`),
      status: 200,
      events: [{ action: 'logout', actor: user, ...named, ...logoutReason, metadata: { scope: 'all' } }],
    };
  },
  'POST /logout: with the user id of another': async (world) => {
    const { token, named, user } = await issue(world);
    const common = { actor: user, ...named, ...logoutReason };
    return {
      act: (caller) => caller.json('/logout', { user_id: 'somebody' }, `Bearer ${token}`),
      status: 200,
      events: [
        { action: 'logout_user_mismatch', ...common },
        { action: 'logout', ...common, metadata: { scope: 'current' } },
      ],
    };
  },
  'POST /logout: revoked before': async (world) => {
    const { token, named, user } = await issue(world);
    await world.app.form('/revoke', { token }, world.owner);
    return {
      act: (caller) => caller.json('/logout', {}, `Bearer ${token}`),
      status: 200,
      events: [{ action: 'logout_already_revoked', actor: user, ...named, ...logoutReason }],
    };
  },
  'POST /logout: expired': async (world) => {
    const { token, named, user } = await issue(world, past(world));
    return {
      act: (caller) => caller.json('/logout', {}, `Bearer ${token}`),
      status: 200,
      events: [{ action: 'logout_expired_token', actor: user, ...named, ...logoutReason }],
    };
  },
  'POST /logout: unknown': async ({ app }) => {
    const token = app.newToken();
    return {
      act: (caller) => caller.json('/logout', { refresh_token: token }),
      status: 200,
      events: [
        {
          action: 'logout_invalid_token',
          actor: { kind: 'user', id: null },
          tokenRef: refOf(token),
          ...logoutReason,
        },
      ],
    };
  },
  'POST /logout: by a client that may': async ({ app, operator }) => ({
    act: (caller) => caller.json('/logout', { user_id: 'u1' }, operator),
    status: 200,
    events: [
      {
        action: 'logout',
        actor: client(operator),
        userId: 'u1',
        ...logoutReason,
        metadata: { scope: 'all', issuer: app.policy.publicUrl },
      },
    ],
  }),
  'POST /logout: by a client that may not': async ({ owner }) => ({
    act: (caller) => caller.json('/logout', { user_id: 'u1' }, owner),
    status: 403,
    events: [refused(owner, 'insufficient_permission', '/logout')],
  }),
  'POST /logout: by a client, of nobody': async ({ operator }) => ({
    act: (caller) => caller.json('/logout', {}, operator),
    status: 400,
    events: [refused(operator, 'invalid_request', '/logout')],
  }),
  'POST /logout: wrong secret': async ({ operator }) => ({
    act: (caller) => caller.json('/logout', { user_id: 'u1' }, wrong(operator)),
    status: 401,
    events: [{ action: 'client_auth_failed', actor: nobody, clientId: 'operator' }],
  }),
  'POST /logout: without any proof': async () => ({
    act: (caller) => caller.json('/logout', { user_id: 'u1' }),
    status: 401,
    events: [],
  }),
};
