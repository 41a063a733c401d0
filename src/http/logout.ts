// POST /logout and its aliases: idempotent, for apps and people. Always 200 with an outcome once a proof
// was presented, however dead the token is.

import { z } from 'zod';
import { eventOf } from '../domain/audit.ts';
import { isId } from '../domain/claims.ts';
import type { TokenVerifier } from '../domain/known-token.ts';
import {
  type LoggedOut,
  type LogoutRequest,
  type LogoutScope,
  logOut,
  logOutUser,
} from '../domain/log-out.ts';
import { plainText } from '../domain/plain-text.ts';
import type { Policy } from '../domain/policy.ts';
import type { Store } from '../domain/store.ts';
import { basicChallenge, bearerChallenge, type ClientAuth, demand } from './client-auth.ts';
import { type Context, originOf, protect } from './context.ts';
import type { FloodRecorder } from './flood-recorder.ts';
import { hasBody, readForm } from './form.ts';
import { check, readJson } from './json.ts';
import { credentialMembers, credentialsOf } from './json-credentials.ts';
import { type GivenReason, readReason } from './reason.ts';
import { missingParameter, Refusal } from './refusal.ts';
import { respond, timeOf } from './respond.ts';

export interface LogoutParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly verifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly recorder: FloodRecorder;
}

const timestampMax = 64;

/** Members that are empty or null count as not sent; unknown ones are ignored, as apps send all sorts. */
const userId = z.union([z.string(), z.int()]).transform(String).nullish();
const text = z.string().nullish();
const logoutBody = z.object({
  refresh_token: text,
  user_id: userId,
  userId,
  reason: text,
  timestamp: z.union([z.string(), z.number()]).transform(String).nullish(),
  scope: z.enum(['current', 'others', 'all']).nullish(),
  ...credentialMembers,
});
type LogoutBody = z.output<typeof logoutBody>;

export function handleLogout(parts: LogoutParts) {
  return async function logout(ctx: Context): Promise<void> {
    const body = await readLogoutBody(ctx);
    const refreshToken = body.refresh_token || undefined;
    const bearerToken = readBearer(ctx.get('authorization'));
    const presented = [refreshToken, bearerToken].filter((token) => token !== undefined);
    protect(ctx, [...presented, body.client_secret ?? '', body.client_assertion ?? '']);
    const given = readReason(body.reason || undefined, 'user_initiated_logout', presented);
    const claimedUserId = body.user_id || body.userId || null;
    const timestamp = plainText(body.timestamp ?? '', timestampMax, presented);
    const metadata = timestamp === null ? {} : { client_timestamp: timestamp };

    const outcome =
      presented.length > 0
        ? await logOutByToken(parts, {
            refresh: refreshToken === undefined ? null : await parts.verifier.present(refreshToken),
            bearer: bearerToken === undefined ? null : await parts.verifier.present(bearerToken),
            scope: body.scope ?? null,
            claimedUserId,
            ...given,
            metadata,
            origin: originOf(ctx, { kind: 'user', id: null }, presented),
          })
        : await logOutByClient(parts, ctx, body, claimedUserId, given, metadata);
    const reason = outcome.status === 'logged_out' ? given.shown : outcome.reason;
    const { requestId, clientId, log } = ctx.state;
    log.info({ request_id: requestId, client_id: clientId, status: outcome.status, reason }, 'logout');
    if (outcome.status === 'logged_out') ctx.set('Revocation-Seq', String(outcome.seq));
    respond(ctx, 200, envelope(outcome, reason));
  };
}

async function readLogoutBody(ctx: Context): Promise<LogoutBody> {
  if (!hasBody(ctx)) return check(logoutBody, {});
  const isForm = /^application\/x-www-form-urlencoded/i.test(ctx.get('content-type'));
  return check(logoutBody, isForm ? Object.fromEntries(await readForm(ctx)) : await readJson(ctx));
}

/** RFC 6750 §2.1. */
function readBearer(header: string): string | undefined {
  return /^Bearer +([^ ]+) *$/i.exec(header)?.[1];
}

async function logOutByToken(parts: LogoutParts, request: LogoutRequest): Promise<LoggedOut> {
  const outcome = await logOut(parts.store, parts.policy, request);
  if (outcome.status === 'already_logged_out' && outcome.reason === 'token_not_found') {
    const { reason, reasonText, metadata, origin } = request;
    const presented = request.refresh ?? request.bearer;
    const tokenRef = presented?.tokenDigest.slice(0, 16) ?? null;
    const details = { reason, reasonText, metadata, tokenRef };
    await parts.recorder.record(eventOf(origin, 'logout_invalid_token', details));
  }
  return outcome;
}

/** Without a token: a client that may revoke anything logs a user out by id. */
async function logOutByClient(
  parts: LogoutParts,
  ctx: Context,
  body: LogoutBody,
  userId: string | null,
  given: GivenReason,
  metadata: Readonly<Record<string, unknown>>,
): Promise<LoggedOut> {
  const isBearer = /^bearer\b/i.test(ctx.get('authorization'));
  const caller = isBearer ? undefined : await parts.auth.authenticate(ctx, credentialsOf(body));
  if (!caller || caller.authMethod === 'none') {
    const headers = caller ? basicChallenge : bearerChallenge;
    throw new Refusal('invalid_token', 'a refresh_token or a bearer access token is missing', { headers });
  }
  demand(caller, 'revoke:any');
  if (userId === null) throw missingParameter('user_id');
  if (!isId(userId)) {
    throw new Refusal('invalid_request', 'user_id has the wrong form');
  }
  const origin = originOf(ctx, { kind: 'client', id: caller.clientId }, [
    body.client_secret ?? '',
    body.client_assertion ?? '',
  ]);
  return logOutUser(parts.store, parts.policy, { userId, ...given, metadata, origin });
}

function envelope(outcome: LoggedOut, reason: string): object {
  return { success: true, message: 'Logged out successfully', data: dataOf(outcome, reason) };
}

function dataOf(outcome: LoggedOut, reason: string): object {
  switch (outcome.status) {
    case 'logged_out':
      return {
        status: outcome.status,
        reason,
        scope: outcome.scope satisfies LogoutScope,
        user_id: outcome.userId,
        revoked_at: timeOf(outcome.revokedAt),
        sessions_ended: outcome.sessionsEnded,
        ...(outcome.safeIatAfter === null ? {} : { safe_iat_after: outcome.safeIatAfter }),
      };
    case 'already_logged_out':
      return { status: outcome.status, reason };
    default:
      return outcome satisfies never;
  }
}
