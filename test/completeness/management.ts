// The outcomes of /v1/revocations, /v1/clients, /v1/issuers and of reading the trail.
import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import type { TestApp } from '../helpers/app.ts';
import { newKey, TestIssuer } from '../helpers/issuer.ts';
import type { TestClient } from '../helpers/requests.ts';
import { type Case, client, type Outcomes, refused } from './outcomes.ts';

export interface ManagementWorld {
  readonly app: TestApp;
  readonly operator: TestClient;
  /** May end sessions by name, of its own issuers. */
  readonly support: TestClient;
  readonly admin: TestClient;
  readonly auditor: TestClient;
  readonly issuer: TestIssuer;
}

export async function managementWorld(app: TestApp): Promise<ManagementWorld> {
  return {
    app,
    operator: await app.addClient({ clientId: 'operator', permissions: ['revoke:any'] }),
    support: await app.addClient({ clientId: 'support', permissions: ['revoke:session'] }),
    admin: await app.addClient({ clientId: 'admin', permissions: ['admin'] }),
    auditor: await app.addClient({ clientId: 'auditor', permissions: ['audit'] }),
    issuer: await TestIssuer.inline(app),
  };
}

const path = '/v1/revocations';
let names = 0;
const newName = (letter: string) => `${letter}-${++names}`;

/** Ends a target; `about` is how the event names it, beside kind and issuer. */
function ended(
  name: (id: string) => Record<string, string>,
  about: (id: string) => Record<string, unknown>,
  more: { id?: () => string; confirmed?: true; final?: true } = {},
): (world: ManagementWorld) => Promise<Case> {
  return async ({ app, operator }) => {
    const id = more.id?.() ?? newName('n');
    const target = name(id);
    const body = {
      target,
      reason: 'offboarding',
      reason_text: 'case 17',
      ...(more.confirmed && { confirm: id }),
    };
    const issuer = target.kind === 'token' ? {} : { issuer: app.policy.publicUrl };
    const cutoff = more.final ? {} : { cutoff: new Date(app.clock.now).toISOString() };
    const { metadata, ...named } = about(id) as { metadata?: object };
    return {
      act: (caller) => caller.json(path, body, operator),
      status: 201,
      events: [
        {
          action: 'bulk_revoke',
          actor: client(operator),
          ...named,
          reason: 'offboarding',
          reasonText: 'case 17',
          metadata: { kind: target.kind, ...issuer, ...metadata, ...cutoff },
        },
      ],
    };
  };
}

const digest = () => randomBytes(32).toString('base64url');
const refOfDigest = (id: string) => Buffer.from(id, 'base64url').toString('hex').slice(0, 16);

export const revocationOutcomes: Outcomes<ManagementWorld> = {
  'POST /v1/revocations: a token': ended(
    (id) => ({ kind: 'token', token_digest: id }),
    (id) => ({ tokenRef: refOfDigest(id) }),
    { id: digest, final: true },
  ),
  'POST /v1/revocations: a jti': ended(
    (jti) => ({ kind: 'jti', jti }),
    (id) => ({ metadata: { id } }),
    { final: true },
  ),
  'POST /v1/revocations: a grant': ended(
    (grant_id) => ({ kind: 'grant', grant_id }),
    (id) => ({ metadata: { id } }),
    { final: true },
  ),
  'POST /v1/revocations: a session': ended(
    (session_id) => ({ kind: 'session', session_id }),
    (sessionId) => ({ sessionId }),
    { final: true },
  ),
  'POST /v1/revocations: a user at a client': ended(
    (sub) => ({ kind: 'subject', sub, client_id: 'web', token_use: 'refresh_token' }),
    (userId) => ({ userId, clientId: 'web', metadata: { token_use: 'refresh_token' } }),
  ),
  'POST /v1/revocations: a client': ended(
    (client_id) => ({ kind: 'client', client_id }),
    (clientId) => ({ clientId }),
    { confirmed: true },
  ),
  'POST /v1/revocations: a key': ended(
    (thumbprint) => ({ kind: 'key', thumbprint }),
    (id) => ({ metadata: { id } }),
    { id: digest, confirmed: true, final: true },
  ),
  'POST /v1/revocations: an issuer': async ({ app, operator }) => ({
    act: (caller) =>
      caller.json(
        path,
        { target: { kind: 'issuer' }, reason: 'key_compromise', confirm: app.policy.publicUrl },
        operator,
      ),
    status: 201,
    events: [
      {
        action: 'bulk_revoke',
        actor: client(operator),
        reason: 'key_compromise',
        metadata: {
          kind: 'issuer',
          issuer: app.policy.publicUrl,
          cutoff: new Date(app.clock.now).toISOString(),
        },
      },
    ],
  }),
  'POST /v1/revocations: revoked before': async ({ app, operator }) => {
    const body = { target: { kind: 'session', session_id: newName('s') }, reason: 'admin' };
    await app.json(path, body, operator);
    return {
      act: (caller) => caller.json(path, body, operator),
      status: 200,
      events: [
        {
          action: 'bulk_revoke',
          actor: client(operator),
          sessionId: body.target.session_id,
          reason: 'admin',
          metadata: { kind: 'session', issuer: app.policy.publicUrl, already_revoked: true },
        },
      ],
    };
  },
  'POST /v1/revocations: a preview': async ({ operator }) => ({
    act: (caller) =>
      caller.json(path, { target: { kind: 'subject', sub: 'u1' }, reason: 'admin', dry_run: true }, operator),
    status: 200,
    events: [],
  }),
  'POST /v1/revocations: the same order again': async ({ app, operator }) => {
    const body = { target: { kind: 'subject', sub: newName('u') }, reason: 'admin' };
    const headers = { 'Idempotency-Key': newName('key') };
    await app.json(path, body, operator, { headers });
    return {
      act: (caller) => caller.json(path, body, operator, headers),
      status: 201,
      events: [],
    };
  },
  'POST /v1/revocations: another order under the same key': async ({ app, operator }) => {
    const order = (sub: string) => ({ target: { kind: 'subject', sub }, reason: 'admin' });
    const headers = { 'Idempotency-Key': newName('key') };
    await app.json(path, order('u1'), operator, { headers });
    const metadata = { kind: 'subject', issuer: app.policy.publicUrl };
    return {
      act: (caller) => caller.json(path, order('u2'), operator, headers),
      status: 422,
      events: [refused(operator, 'idempotency_key_reused', path, { userId: 'u2', metadata })],
    };
  },
  'POST /v1/revocations: not confirmed': async ({ app, operator }) => ({
    act: (caller) =>
      caller.json(path, { target: { kind: 'client', client_id: 'web' }, reason: 'admin' }, operator),
    status: 409,
    events: [
      refused(operator, 'confirmation_required', path, {
        clientId: 'web',
        metadata: { kind: 'client', issuer: app.policy.publicUrl },
      }),
    ],
  }),
  'POST /v1/revocations: not permitted for the kind': async ({ app, support }) => ({
    act: (caller) => caller.json(path, { target: { kind: 'subject', sub: 'u1' }, reason: 'admin' }, support),
    status: 403,
    events: [
      refused(support, 'insufficient_permission', path, {
        userId: 'u1',
        metadata: { kind: 'subject', issuer: app.policy.publicUrl },
      }),
    ],
  }),
  'POST /v1/revocations: not for this issuer': async ({ support, issuer }) => ({
    act: (caller) =>
      caller.json(
        path,
        { target: { kind: 'session', session_id: 's1', issuer: issuer.name }, reason: 'admin' },
        support,
      ),
    status: 403,
    events: [
      refused(support, 'issuer_not_allowed', path, {
        sessionId: 's1',
        metadata: { kind: 'session', issuer: issuer.name },
      }),
    ],
  }),
  'POST /v1/revocations: a cutoff in the future': async ({ app, operator }) => ({
    act: (caller) =>
      caller.json(
        path,
        {
          target: { kind: 'subject', sub: 'u1' },
          reason: 'admin',
          cutoff: new Date(app.clock.now + 3_600_000).toISOString(),
        },
        operator,
      ),
    status: 400,
    events: [
      refused(operator, 'invalid_request', path, {
        userId: 'u1',
        metadata: { kind: 'subject', issuer: app.policy.publicUrl },
      }),
    ],
  }),
};

const clientPath = '/v1/clients/:client_id';

export const clientOutcomes: Outcomes<ManagementWorld> = {
  'POST /v1/clients: made': async ({ admin }) => {
    const client_id = newName('c');
    return {
      act: (caller) => caller.json('/v1/clients', { client_id, permissions: ['introspect'] }, admin),
      status: 201,
      events: [
        {
          action: 'client_created',
          actor: client(admin),
          clientId: client_id,
          metadata: {
            token_endpoint_auth_method: 'client_secret_basic',
            permissions: ['introspect'],
            audiences: [],
            issuers: [],
          },
        },
      ],
    };
  },
  'POST /v1/clients: there before': async ({ admin }) => ({
    act: (caller) => caller.json('/v1/clients', { client_id: 'operator' }, admin),
    status: 409,
    events: [refused(admin, 'client_exists', '/v1/clients', { clientId: 'operator' })],
  }),
  'POST /v1/clients: not permitted': async ({ operator }) => ({
    act: (caller) => caller.json('/v1/clients', { client_id: newName('c') }, operator),
    status: 403,
    events: [refused(operator, 'insufficient_permission', '/v1/clients')],
  }),
  'PATCH /v1/clients/:client_id: changed, then again': async ({ app, admin }) => {
    const { client_id } = await app.addClient({ permissions: ['introspect'] });
    const path = `/v1/clients/${client_id}`;
    const patch = { permissions: ['sessions'], cascade: 'grant' };
    return {
      act: async (caller) => {
        await caller.patch(path, patch, admin);
        return caller.patch(path, patch, admin);
      },
      status: 200,
      events: [
        {
          action: 'client_updated',
          actor: client(admin),
          clientId: client_id,
          metadata: {
            changed: ['permissions', 'cascade'],
            token_endpoint_auth_method: 'client_secret_basic',
            permissions: ['sessions'],
            audiences: [],
            issuers: [],
          },
        },
      ],
    };
  },
  'PATCH /v1/clients/:client_id: a member that stays': async ({ app, admin }) => {
    const { client_id: clientId } = await app.addClient();
    return {
      act: (caller) => caller.patch(`/v1/clients/${clientId}`, { client_id: 'other' }, admin),
      status: 400,
      events: [refused(admin, 'invalid_request', clientPath, {}, 'PATCH')],
    };
  },
  'POST /v1/clients/:client_id/rotate-secret: rotated': async ({ app, admin }) => {
    const { client_id } = await app.addClient();
    return {
      act: (caller) => caller.post(`/v1/clients/${client_id}/rotate-secret`, admin),
      status: 200,
      events: [{ action: 'client_secret_rotated', actor: client(admin), clientId: client_id }],
    };
  },
  'POST /v1/clients/:client_id/rotate-secret: it has none': async ({ app, admin }) => {
    const { client_id: clientId } = await app.addClient({ authMethod: 'none' });
    return {
      act: (caller) => caller.post(`/v1/clients/${clientId}/rotate-secret`, admin),
      status: 400,
      events: [refused(admin, 'invalid_request', `${clientPath}/rotate-secret`, { clientId })],
    };
  },
  'POST /v1/clients/:client_id/disable: suspended, then again': async ({ app, admin }) => {
    const { client_id } = await app.addClient();
    return {
      act: async (caller) => {
        await caller.post(`/v1/clients/${client_id}/disable`, admin);
        return caller.post(`/v1/clients/${client_id}/disable`, admin);
      },
      status: 200,
      events: [{ action: 'client_disabled', actor: client(admin), clientId: client_id }],
    };
  },
  'POST /v1/clients/:client_id/disable: unknown': async ({ admin }) => ({
    act: (caller) => caller.post('/v1/clients/unknown/disable', admin),
    status: 404,
    events: [refused(admin, 'not_found', `${clientPath}/disable`)],
  }),
  'POST /v1/clients/:client_id/enable: no longer suspended': async ({ app, admin }) => {
    const { client_id } = await app.addClient();
    await app.request('POST', `/v1/clients/${client_id}/disable`, { auth: admin });
    return {
      act: (caller) => caller.post(`/v1/clients/${client_id}/enable`, admin),
      status: 200,
      events: [{ action: 'client_enabled', actor: client(admin), clientId: client_id }],
    };
  },
};

const issuerPath = '/v1/issuers/:issuer';
const at = (issuer: TestIssuer, verb?: string) =>
  `/v1/issuers/${encodeURIComponent(issuer.name)}${verb === undefined ? '' : `/${verb}`}`;

export const issuerOutcomes: Outcomes<ManagementWorld> = {
  'POST /v1/issuers: on record': async ({ admin, issuer }) => {
    const name = `https://${newName('id')}.example`;
    const body = { issuer: name, jwks: { keys: [issuer.key.jwk] }, algorithms: ['ES256'] };
    return {
      act: (caller) => caller.json('/v1/issuers', body, admin),
      status: 201,
      events: [
        {
          action: 'issuer_added',
          actor: client(admin),
          metadata: {
            issuer: name,
            keys: 'jwks',
            algorithms: ['ES256'],
            audiences: [],
            scope_permissions: {},
            reach: 'own',
          },
        },
        {
          action: 'issuer_key_seen',
          actor: client(admin),
          metadata: {
            issuer: name,
            kid: issuer.key.jwk.kid,
            thumbprint: await calculateJwkThumbprint(issuer.key.jwk),
          },
        },
      ],
    };
  },
  'POST /v1/issuers: on record before': async ({ admin, issuer }) => ({
    act: (caller) =>
      caller.json('/v1/issuers', { issuer: issuer.name, jwks: { keys: [issuer.key.jwk] } }, admin),
    status: 409,
    events: [refused(admin, 'issuer_exists', '/v1/issuers', { metadata: { issuer: issuer.name } })],
  }),
  'PATCH /v1/issuers/:issuer: changed': async ({ app, admin }) => {
    const issuer = await TestIssuer.inline(app, { issuer: `https://${newName('id')}.example` });
    const { jwk } = await newKey('ES256', 'k2');
    return {
      act: (caller) => caller.patch(at(issuer), { jwks: { keys: [jwk] }, reach: 'all' }, admin),
      status: 200,
      events: [
        {
          action: 'issuer_updated',
          actor: client(admin),
          metadata: {
            issuer: issuer.name,
            changed: ['jwks', 'reach'],
            keys: 'jwks',
            algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
            audiences: [],
            scope_permissions: {},
            reach: 'all',
          },
        },
        {
          action: 'issuer_key_seen',
          actor: client(admin),
          metadata: { issuer: issuer.name, kid: 'k2', thumbprint: await calculateJwkThumbprint(jwk) },
        },
      ],
    };
  },
  'PATCH /v1/issuers/:issuer: it would bring dead tokens back': async ({ admin, issuer }) => ({
    act: (caller) => caller.patch(at(issuer), { claims: { user: 'id' } }, admin),
    status: 400,
    events: [refused(admin, 'invalid_request', issuerPath, { metadata: { issuer: issuer.name } }, 'PATCH')],
  }),
  'POST /v1/issuers/:issuer/refresh-keys: fetched': async ({ admin, issuer }) => ({
    act: (caller) => caller.post(at(issuer, 'refresh-keys'), admin),
    status: 200,
    events: [{ action: 'issuer_keys_refreshed', actor: client(admin), metadata: { issuer: issuer.name } }],
  }),
  'POST /v1/issuers/:issuer/disable: suspended, then again': async ({ app, admin }) => {
    const issuer = await TestIssuer.inline(app, { issuer: `https://${newName('id')}.example` });
    return {
      act: async (caller) => {
        await caller.post(at(issuer, 'disable'), admin);
        return caller.post(at(issuer, 'disable'), admin);
      },
      status: 200,
      events: [{ action: 'issuer_disabled', actor: client(admin), metadata: { issuer: issuer.name } }],
    };
  },
  'POST /v1/issuers/:issuer/enable: no longer suspended': async ({ app, admin }) => {
    const issuer = await TestIssuer.inline(app, { issuer: `https://${newName('id')}.example` });
    await app.request('POST', at(issuer, 'disable'), { auth: admin });
    return {
      act: (caller) => caller.post(at(issuer, 'enable'), admin),
      status: 200,
      events: [{ action: 'issuer_enabled', actor: client(admin), metadata: { issuer: issuer.name } }],
    };
  },
  'POST /v1/issuers/:issuer/enable: unknown': async ({ admin }) => ({
    act: (caller) => caller.post('/v1/issuers/unknown/enable', admin),
    status: 404,
    events: [refused(admin, 'not_found', `${issuerPath}/enable`)],
  }),
};

export const readingOutcomes: Outcomes<ManagementWorld> = {
  'GET /v1/audit/events: read': async ({ auditor }) => ({
    act: (caller) => caller.get('/v1/audit/events?user_id=u1&action=logout', auditor),
    status: 200,
    events: [
      {
        action: 'audit_read',
        actor: client(auditor),
        clientId: 'auditor',
        userId: 'u1',
        metadata: { view: 'events', filters: { user_id: true, action: 'logout' } },
      },
    ],
  }),
  'GET /v1/audit/events: by a bearer': async ({ app }) => {
    const name = `https://${newName('id')}.example`;
    const scope_permissions = { auditor: ['audit'] };
    const issuer = await TestIssuer.inline(app, { issuer: name, reach: 'all', scope_permissions });
    const token = await issuer.sign({ aud: app.policy.publicUrl, scope: 'auditor' });
    return {
      act: (caller) => caller.get('/v1/audit/events', `Bearer ${token}`),
      status: 200,
      events: [
        {
          action: 'audit_read',
          actor: { kind: 'user', id: 'u1' },
          metadata: { view: 'events', filters: {} },
        },
      ],
    };
  },
  'GET /v1/audit/events/:id: read': async ({ auditor }) => ({
    act: (caller) => caller.get('/v1/audit/events/1', auditor),
    status: 200,
    events: [
      {
        action: 'audit_read',
        actor: client(auditor),
        clientId: 'auditor',
        metadata: { view: 'event', id: '1', filters: {} },
      },
    ],
  }),
  'GET /v1/audit/summary: read': async ({ auditor }) => ({
    act: (caller) => caller.get('/v1/audit/summary?interval=hour', auditor),
    status: 200,
    events: [
      {
        action: 'audit_read',
        actor: client(auditor),
        clientId: 'auditor',
        metadata: { view: 'summary', interval: 'hour', filters: {} },
      },
    ],
  }),
  'GET /v1/audit/export: exported': async ({ auditor }) => {
    const through = 1;
    return {
      act: (caller) => caller.get(`/v1/audit/export?through=${through}`, auditor),
      status: 200,
      events: [
        {
          action: 'audit_exported',
          actor: client(auditor),
          clientId: 'auditor',
          metadata: { format: 'ndjson', after: 0, through, filters: {} },
        },
      ],
    };
  },
  'GET /v1/audit/events: not permitted': async ({ operator }) => ({
    act: (caller) => caller.get('/v1/audit/events', operator),
    status: 403,
    events: [refused(operator, 'insufficient_permission', '/v1/audit/events', {}, 'GET')],
  }),
  'GET /v1/audit/events: malformed': async ({ auditor }) => ({
    act: (caller) => caller.get('/v1/audit/events?from=yesterday', auditor),
    status: 400,
    events: [refused(auditor, 'invalid_request', '/v1/audit/events', {}, 'GET')],
  }),
  'GET /metrics: not permitted': async ({ auditor }) => ({
    act: (caller) => caller.get('/metrics', auditor),
    status: 403,
    events: [refused(auditor, 'insufficient_permission', '/metrics', {}, 'GET')],
  }),
};
