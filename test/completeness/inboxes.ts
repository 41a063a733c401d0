// The outcomes of the inboxes: each kind of message done, repeated, ignored and refused.
import type { TestApp } from '../helpers/app.ts';
import { TestIssuer } from '../helpers/issuer.ts';
import type { Caller, Expected, Outcomes } from './outcomes.ts';

export interface InboxWorld {
  readonly app: TestApp;
  readonly issuer: TestIssuer;
}

const kinds = ['backchannel_logout', 'global_token_revocation', 'security_events'] as const;
type Kind = (typeof kinds)[number];
const logoutEvents = { 'http://schemas.openid.net/event/backchannel-logout': {} };
const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification';

export async function inboxWorld(app: TestApp): Promise<InboxWorld> {
  const inbox = { kinds, audience: 'web', keep_offline: false };
  return { app, issuer: await TestIssuer.inline(app, { inbox }) };
}

let messages = 0;

/** A message of the issuer, with an id of its own. */
function message({ issuer }: InboxWorld, typ: string, claims: object): Promise<string> {
  messages += 1;
  return issuer.sign({ aud: 'web', jti: `message-${messages}`, sub: undefined, ...claims }, { typ });
}

const logout = (world: InboxWorld, claims: object = {}) =>
  message(world, 'logout+jwt', { sid: 's1', events: logoutEvents, ...claims });
const event = (world: InboxWorld, events: object, claims: object = {}) =>
  message(world, 'secevent+jwt', { events, ...claims });
const order = async (world: InboxWorld) =>
  `Bearer ${await message(world, 'global-token-revocation+jwt', {})}`;
const push = ({ app, headers }: Caller, body: string) =>
  app.request('POST', '/security-events', { type: 'application/secevent+jwt', body, headers });

/** What ends at the issuer's word. */
function ended(
  { issuer }: InboxWorld,
  inbox: Kind,
  kind: string,
  named: object,
  more: object = {},
): Expected {
  return {
    action: 'bulk_revoke',
    actor: { kind: 'system', id: issuer.name },
    ...named,
    reason: 'identity_provider',
    metadata: { inbox, from: issuer.name, kind, issuer: issuer.name, ...more },
  };
}

function refused(inbox: Kind, why: string, from: string | null): Expected {
  return { action: 'inbox_refused', actor: { kind: 'system', id: from }, metadata: { inbox, why } };
}

function ignored({ issuer }: InboxWorld, inbox: Kind, why: string): Expected {
  const metadata = { inbox, from: issuer.name, why };
  return { action: 'inbox_ignored', actor: { kind: 'system', id: issuer.name }, metadata };
}

/** The message is of this second, and stands for all of it that has passed. */
const then = ({ app }: InboxWorld) => new Date(app.clock.now).toISOString();

export const inboxOutcomes: Outcomes<InboxWorld> = {
  'POST /backchannel-logout: done': async (world) => {
    const logout_token = await logout(world);
    return {
      act: (caller) => caller.form('/backchannel-logout', { logout_token }),
      status: 200,
      events: [
        ended(
          world,
          'backchannel_logout',
          'session',
          { sessionId: 's1', clientId: 'web' },
          { cutoff: then(world) },
        ),
      ],
    };
  },
  'POST /backchannel-logout: repeated': async (world) => {
    const logout_token = await logout(world);
    await world.app.form('/backchannel-logout', { logout_token });
    return {
      act: (caller) => caller.form('/backchannel-logout', { logout_token }),
      status: 200,
      events: [ignored(world, 'backchannel_logout', 'repeated')],
    };
  },
  'POST /backchannel-logout: not as the standard wants it': async (world) => {
    const logout_token = await logout(world, { nonce: 'n' });
    return {
      act: (caller) => caller.form('/backchannel-logout', { logout_token }),
      status: 400,
      events: [refused('backchannel_logout', 'nonce', world.issuer.name)],
    };
  },
  'POST /backchannel-logout: of nobody': async () => ({
    act: (caller) => caller.form('/backchannel-logout', { logout_token: 'nonsense' }),
    status: 400,
    events: [refused('backchannel_logout', 'malformed', null)],
  }),
  'POST /global-token-revocation: done': async (world) => {
    const bearer = await order(world);
    const body = { sub_id: { format: 'iss_sub', iss: world.issuer.name, sub: 'u1' } };
    return {
      act: (caller) => caller.json('/global-token-revocation', body, bearer),
      status: 204,
      events: [ended(world, 'global_token_revocation', 'subject', { userId: 'u1' }, { cutoff: then(world) })],
    };
  },
  'POST /global-token-revocation: of users that are not its own': async (world) => {
    const bearer = await order(world);
    const body = { sub_id: { format: 'iss_sub', iss: 'https://else.example', sub: 'u1' } };
    return {
      act: (caller) => caller.json('/global-token-revocation', body, bearer),
      status: 403,
      events: [refused('global_token_revocation', 'not_governed', world.issuer.name)],
    };
  },
  'POST /global-token-revocation: of a user who is not known so': async (world) => {
    const bearer = await order(world);
    const body = { sub_id: { format: 'email', email: 'u1@example.com' } };
    return {
      act: (caller) => caller.json('/global-token-revocation', body, bearer),
      status: 404,
      events: [refused('global_token_revocation', 'not_mapped', world.issuer.name)],
    };
  },
  'POST /global-token-revocation: malformed': async (world) => {
    const bearer = await order(world);
    return {
      act: (caller) => caller.form('/global-token-revocation', { sub_id: 'u1' }, bearer),
      status: 400,
      events: [refused('global_token_revocation', 'malformed', world.issuer.name)],
    };
  },
  'POST /global-token-revocation: of nobody': async () => ({
    act: (caller) => caller.json('/global-token-revocation', {}, 'Bearer nonsense'),
    status: 401,
    events: [refused('global_token_revocation', 'malformed', null)],
  }),
  'POST /security-events: done': async (world) => {
    const session = { format: 'complex', session: { format: 'opaque', id: 's9' } };
    const body = await event(world, { [sessionRevoked]: {} }, { sub_id: session });
    return {
      act: (caller) => push(caller, body),
      status: 202,
      events: [ended(world, 'security_events', 'session', { sessionId: 's9' })],
    };
  },
  'POST /security-events: repeated': async (world) => {
    const subject = { format: 'iss_sub', iss: world.issuer.name, sub: 'u1' };
    const body = await event(world, { [sessionRevoked]: { subject } });
    const type = 'application/secevent+jwt';
    await world.app.request('POST', '/security-events', { type, body });
    return {
      act: (caller) => push(caller, body),
      status: 202,
      events: [ignored(world, 'security_events', 'repeated')],
    };
  },
  'POST /security-events: nothing to act on': async (world) => {
    const body = await event(world, { [verification]: { state: 'x' } });
    return {
      act: (caller) => push(caller, body),
      status: 202,
      events: [ignored(world, 'security_events', 'nothing_to_end')],
    };
  },
  'POST /security-events: without events': async (world) => {
    const body = await message(world, 'secevent+jwt', {});
    return {
      act: (caller) => push(caller, body),
      status: 400,
      events: [refused('security_events', 'malformed', world.issuer.name)],
    };
  },
  'POST /security-events: of users that are not its own': async (world) => {
    const sub_id = { format: 'iss_sub', iss: 'https://else.example', sub: 'u1' };
    const body = await event(world, { [sessionRevoked]: {} }, { sub_id });
    return {
      act: (caller) => push(caller, body),
      status: 400,
      events: [refused('security_events', 'not_governed', world.issuer.name)],
    };
  },
  'POST /security-events: of nobody': async () => ({
    act: (caller) => push(caller, 'nonsense'),
    status: 400,
    events: [refused('security_events', 'malformed', null)],
  }),
};
