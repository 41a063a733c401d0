// /v1/sessions: what a page that lists a user's devices needs, and ending one of them.
import { idLengthMax, isId } from '../../domain/claims.ts';
import { type Device, describeDevices } from '../../domain/introspect/describe-devices.ts';
import type { SessionPosition } from '../../domain/listings.ts';
import type { Policy } from '../../domain/policy.ts';
import { type Caller, holds, issuersOf } from '../../domain/records/clients.ts';
import { endSession } from '../../domain/revoke/end-session.ts';
import type { Store } from '../../domain/store.ts';
import type { Permission } from '../../domain/vocabulary.ts';
import { uriLengthMax } from '../../wire/members.ts';
import { missingParameter, Refusal } from '../../wire/refusal.ts';
import { timeOf } from '../../wire/time.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { type Context, logOutcome } from '../context.ts';
import { originOf } from '../origin.ts';
import { demandNoMembers } from '../reading/json.ts';
import {
  badCursor,
  fingerprintOf,
  type Query,
  readCursor,
  readId,
  readLimit,
  readQuery,
  respondPage,
} from '../reading/query.ts';
import { readReason } from '../reading/reason.ts';
import { respond } from '../respond.ts';
import { headerSecrets } from '../secrecy.ts';

export interface SessionsParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly auth: ClientAuth;
}

export function handleSessions({ store, policy, auth }: SessionsParts) {
  return {
    async listSessions(ctx: Context): Promise<void> {
      const caller = await auth.permitWithin(ctx, 'sessions', 'audit', 'revoke:any');
      const query = readQuery(ctx, ['user_id', 'issuer', 'current', 'limit', 'cursor']);
      const userId = readId(query, 'user_id', idLengthMax);
      if (userId === undefined) throw missingParameter('user_id');
      const issuer = readId(query, 'issuer', uriLengthMax) ?? caller.onlyIssuer ?? policy.publicUrl;
      const allowed = reach(caller, policy, ['revoke:any', 'audit']);
      if (allowed !== null && !allowed.includes(issuer))
        throw new Refusal(
          'issuer_not_allowed',
          'issuer, by default PUBLIC_URL, is not among those of the client',
        );
      const limit = readLimit(query);
      // A cursor is valid for no other user.
      const list = fingerprintOf(query, ['user_id', 'issuer']);
      const sessions = await store.listSessions(issuer, userId, readPosition(query, list), limit + 1);
      const devices = await describeDevices(store, sessions);
      const current = readId(query, 'current', idLengthMax);
      const positionOf = ({ session }: Device) => [session.createdAt, session.sessionId, list];
      respondPage(ctx, devices, limit, positionOf, (device) => toWire(device, current));
    },

    async deleteSession(ctx: Context): Promise<void> {
      const caller = await auth.permitWithin(ctx, 'sessions', 'revoke:any', 'revoke:session');
      const query = readQuery(ctx, ['reason']);
      await demandNoMembers(ctx);
      const { reason, reasonText } = readReason(
        query.get('reason'),
        'user_logout',
        () => headerSecrets(ctx.req),
        'operators',
      );
      const { id = '' } = ctx.params as { id?: string };
      const origin = originOf(ctx, caller.actor);
      const cause = { reason, reasonText, origin };
      const ended = isId(id)
        ? await endSession(store, policy, id, reach(caller, policy, ['revoke:any']), cause)
        : ({ status: 'not_found' } as const);
      if (ended.status !== 'not_found') ctx.set('Revocation-Seq', String(ended.seq));
      logOutcome(ctx, 'session end', { status: ended.status });
      const safeIatAfter = ended.status === 'not_found' ? null : ended.safeIatAfter;
      respond(ctx, 200, { status: ended.status, safe_iat_after: safeIatAfter ?? undefined });
    },
  };
}

/** The issuers whose sessions this caller may handle; null (all) with one of the permissions `everywhere`. */
function reach(caller: Caller, policy: Policy, everywhere: readonly Permission[]): readonly string[] | null {
  if (caller.onlyIssuer !== null) return [caller.onlyIssuer];
  return everywhere.some((permission) => holds(caller, permission)) ? null : issuersOf(caller, policy);
}

function readPosition(query: Query, list: string): SessionPosition | null {
  const position = readCursor(query, list);
  if (!position) return null;
  const [createdAt, sessionId] = position;
  const isPosition = Number.isSafeInteger(createdAt) && typeof sessionId === 'string';
  if (!isPosition || sessionId.includes('\0')) throw badCursor();
  return { createdAt: createdAt as number, sessionId };
}

function toWire({ session, active }: Device, current: string | undefined): object {
  return {
    session_id: session.sessionId,
    issuer: session.issuer,
    user_id: session.subject,
    client_id: session.clientId,
    created_at: timeOf(session.createdAt),
    last_active_at: timeOf(session.lastActiveAt),
    expires_at: timeOf(session.expiresAt),
    user_agent: session.userAgent,
    ip: session.ip,
    active,
    current: session.sessionId === current,
  };
}
