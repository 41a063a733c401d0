// The outcomes of /v1/tokens and /v1/sessions.
import type { Reason } from '../../src/domain/vocabulary.ts';
import type { TestApp } from '../helpers/app.ts';
import { refOf } from '../helpers/claims.ts';
import type { TestClient } from '../helpers/requests.ts';
import { type Case, client, type Expected, type Outcomes, refused } from './outcomes.ts';

export interface RegistrationWorld {
  readonly app: TestApp;
  /** Registers. */
  readonly issuer: TestClient;
  readonly owner: TestClient;
  readonly auditor: TestClient;
  readonly support: TestClient;
}

export async function registrationWorld(app: TestApp): Promise<RegistrationWorld> {
  return {
    app,
    issuer: await app.addClient({ clientId: 'issuer', permissions: ['register'] }),
    owner: await app.addClient({ clientId: 'owner' }),
    auditor: await app.addClient({ clientId: 'auditor', permissions: ['audit'] }),
    support: await app.addClient({ clientId: 'support', permissions: ['sessions'] }),
  };
}

const path = '/v1/tokens';
let registrations = 0;

/** Claims of a refresh token in a session and grant of its own. */
function claims({ app, owner }: RegistrationWorld, members: Record<string, unknown> = {}) {
  registrations += 1;
  const [sub, session_id, grant_id] = ['u', 's', 'g'].map((letter) => `${letter}${registrations}`);
  const names = { client_id: owner.client_id, sub, session_id, grant_id };
  const token = app.newToken();
  return app.registration({ token, token_use: 'refresh_token', aud: undefined, ...names, ...members });
}

function named(of: Record<string, unknown>) {
  return {
    userId: String(of.sub),
    sessionId: String(of.session_id),
    clientId: String(of.client_id),
    tokenRef: refOf(String(of.token)),
  };
}

/** A registration that contradicts what is known. */
function conflict(
  code: string,
  of: (world: RegistrationWorld, first: Record<string, unknown>) => Record<string, unknown>,
): Outcomes<RegistrationWorld>[string] {
  return async (world) => {
    const first = claims(world);
    await world.app.register(first);
    const second = of(world, first);
    return {
      act: (caller) => caller.json(path, second, world.issuer),
      status: 409,
      events: [refusedToken(second, { code })],
    };
  };
}

function refusedToken(of: Record<string, unknown>, why: Record<string, unknown>): Expected {
  const replaces = of.replaces === undefined ? {} : { replaces: refOf(String(of.replaces)) };
  return {
    action: 'registration_refused',
    actor: client('issuer'),
    ...named(of),
    metadata: { ...why, ...replaces },
  };
}

const successor = (world: RegistrationWorld, first: Record<string, unknown>) => ({
  ...first,
  token: world.app.newToken(),
  replaces: first.token,
});

export const registrationOutcomes: Outcomes<RegistrationWorld> = {
  'POST /v1/tokens: a login': async (world) => {
    const of = claims(world, { ip: '2001:db8::1', user_agent: 'Phone/2' });
    return {
      act: (caller) => caller.json(path, of, world.issuer),
      status: 201,
      events: [
        {
          action: 'login',
          actor: client('issuer'),
          ...named(of),
          ip: '2001:db8::1',
          userAgent: 'Phone/2',
        },
      ],
    };
  },
  'POST /v1/tokens: one more of the session, and the same again': async (world) => {
    const first = claims(world);
    await world.app.register(first);
    const more = { ...first, token: world.app.newToken() };
    return {
      act: async (caller) => {
        await caller.json(path, more, world.issuer);
        return caller.json(path, more, world.issuer);
      },
      status: 200,
      events: [],
    };
  },
  'POST /v1/tokens: a rotation': async (world) => {
    const first = claims(world);
    await world.app.register(first);
    const next = successor(world, first);
    return {
      act: (caller) => caller.json(path, next, world.issuer),
      status: 201,
      events: [
        {
          action: 'refresh_token_rotated',
          actor: client('issuer'),
          ...named(first),
          reason: 'superseded',
        },
      ],
    };
  },
  'POST /v1/tokens: a superseded token is replaced again': async (world) => {
    const first = claims(world);
    await world.app.register(first);
    await world.app.register(successor(world, first));
    return {
      act: (caller) => caller.json(path, successor(world, first), world.issuer),
      status: 409,
      events: [
        {
          action: 'refresh_token_reuse',
          actor: client('issuer'),
          ...named(first),
          reason: 'reuse_detected',
        },
      ],
    };
  },
  'POST /v1/tokens: a dead token is replaced': async (world) => {
    const first = claims(world);
    const token = await world.app.register(first);
    await world.app.form('/revoke', { token }, world.owner);
    const next = successor(world, first);
    return {
      act: (caller) => caller.json(path, next, world.issuer),
      status: 409,
      events: [refusedToken(next, { code: 'refresh_token_dead' })],
    };
  },
  'POST /v1/tokens: other claims': conflict('claims_conflict', (_, first) => ({ ...first, scope: 'more' })),
  'POST /v1/tokens: the grant of another user': conflict('grant_conflict', ({ app }, first) => ({
    ...first,
    token: app.newToken(),
    sub: 'somebody',
  })),
  'POST /v1/tokens: the session of another user': conflict('session_conflict', ({ app }, first) => ({
    ...first,
    token: app.newToken(),
    grant_id: `${first.grant_id}-b`,
    sub: 'somebody',
  })),
  'POST /v1/tokens: it replaces that of another user': conflict('rotation_conflict', (world, first) => ({
    ...successor(world, first),
    sub: 'somebody',
  })),
  'POST /v1/tokens: issued in the future': async (world) => {
    const of = claims(world, { iat: world.app.seconds + 600 });
    return {
      act: (caller) => caller.json(path, of, world.issuer),
      status: 400,
      events: [refusedToken(of, { code: 'invalid_request', parameter: 'iat' })],
    };
  },
  'POST /v1/tokens: it lives too long': async (world) => {
    const of = claims(world, { exp: world.app.seconds + 401 * 86_400 });
    return {
      act: (caller) => caller.json(path, of, world.issuer),
      status: 400,
      events: [refusedToken(of, { code: 'invalid_request', parameter: 'exp' })],
    };
  },
  'POST /v1/tokens: for an issuer that is not its own': async (world) => ({
    act: (caller) => caller.json(path, claims(world, { iss: 'https://else.example' }), world.issuer),
    status: 403,
    events: [refused(world.issuer, 'issuer_not_allowed', path)],
  }),
  'POST /v1/tokens: malformed': async ({ issuer }) => ({
    act: (caller) => caller.json(path, { token_use: 'none' }, issuer),
    status: 400,
    events: [refused(issuer, 'invalid_request', path)],
  }),
  'POST /v1/tokens: not permitted': async (world) => ({
    act: (caller) => caller.json(path, claims(world), world.owner),
    status: 403,
    events: [refused(world.owner, 'insufficient_permission', path)],
  }),
  'POST /v1/tokens: too many': async ({ issuer }) => ({
    act: (caller) => caller.json(path, Array(1001).fill({}), issuer),
    status: 413,
    events: [refused(issuer, 'too_many_items', path)],
  }),
  'POST /v1/tokens: many, each with its outcome': async (world) => {
    const [good, late] = [claims(world), claims(world, { iat: world.app.seconds + 600 })];
    return {
      act: (caller) => caller.json(path, [good, late, { token_use: 'none' }], world.issuer),
      status: 200,
      unwritten: 200,
      events: [
        { action: 'login', actor: client('issuer'), ...named(good), ip: null, userAgent: null },
        refusedToken(late, { code: 'invalid_request', parameter: 'iat' }),
        refused(world.issuer, 'invalid_request', path),
      ],
    };
  },
  'POST /v1/tokens/explain: explained': async (world) => {
    const token = await world.app.register(claims(world));
    return {
      act: (caller) => caller.json('/v1/tokens/explain', { token }, world.auditor),
      status: 200,
      events: [],
    };
  },
  'POST /v1/tokens/explain: not permitted': async ({ app, owner }) => ({
    act: (caller) => caller.json('/v1/tokens/explain', { token: app.newToken() }, owner),
    status: 403,
    events: [refused(owner, 'insufficient_permission', '/v1/tokens/explain')],
  }),
};

const sessionPath = '/v1/sessions/:id';

/** What the end of a session that `of` was registered with is to be. */
function sessionEnd(
  world: RegistrationWorld,
  of: ReturnType<typeof claims>,
  reason: Reason,
  said: object,
): Omit<Case, 'act'> {
  const { tokenRef: _, ...names } = named(of);
  const metadata = { kind: 'session', issuer: world.app.policy.publicUrl, ...said };
  return {
    status: 200,
    events: [{ action: 'session_end', actor: client('support'), ...names, reason, metadata }],
  };
}

export const sessionOutcomes: Outcomes<RegistrationWorld> = {
  'DELETE /v1/sessions/:id: ended': async (world) => {
    const of = claims(world);
    await world.app.register(of);
    return {
      act: (caller) => caller.delete(`/v1/sessions/${of.session_id}?reason=offboarding`, world.support),
      ...sessionEnd(world, of, 'offboarding', {}),
    };
  },
  'DELETE /v1/sessions/:id: ended before': async (world) => {
    const of = claims(world);
    await world.app.register(of);
    await world.app.delete(`/v1/sessions/${of.session_id}`, world.support);
    return {
      act: (caller) => caller.delete(`/v1/sessions/${of.session_id}`, world.support),
      ...sessionEnd(world, of, 'user_logout', { already_ended: true, already_revoked: true }),
    };
  },
  'DELETE /v1/sessions/:id: none of its tokens is alive': async (world) => {
    const of = claims(world);
    const token = await world.app.register(of);
    await world.app.form('/revoke', { token }, world.owner);
    return {
      act: (caller) => caller.delete(`/v1/sessions/${of.session_id}`, world.support),
      ...sessionEnd(world, of, 'user_logout', { already_ended: true }),
    };
  },
  'DELETE /v1/sessions/:id: unknown': async ({ support }) => ({
    act: (caller) => caller.delete('/v1/sessions/s-unknown', support),
    status: 200,
    events: [
      {
        action: 'session_end',
        actor: client('support'),
        sessionId: 's-unknown',
        reason: 'user_logout',
        metadata: { not_found: true },
      },
    ],
  }),
  'DELETE /v1/sessions/:id: unknown, and shaped like a token': async ({ app, support }) => ({
    act: (caller) => caller.delete(`/v1/sessions/${app.newToken()}`, support),
    status: 200,
    events: [
      {
        action: 'session_end',
        actor: client('support'),
        reason: 'user_logout',
        metadata: { not_found: true },
      },
    ],
  }),
  'DELETE /v1/sessions/:id: not permitted': async ({ owner }) => ({
    act: (caller) => caller.delete('/v1/sessions/s1', owner),
    status: 403,
    events: [refused(owner, 'insufficient_permission', sessionPath, {}, 'DELETE')],
  }),
};
