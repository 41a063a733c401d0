// POST /logout and its aliases: idempotent, for apps and people. Always 200 with an outcome once a proof
// was presented, however dead the token is.
import { z } from 'zod';
import { eventOf } from '../../domain/audit.ts';
import { idLengthMax, isId, tokenRef } from '../../domain/claims.ts';
import type { Policy } from '../../domain/policy.ts';
import { type LoggedOut, type LogoutRequest, logOut } from '../../domain/revoke/log-out.ts';
import { logOutUser } from '../../domain/revoke/log-out-user.ts';
import type { LogoutScope } from '../../domain/revoke/logout-scope.ts';
import type { Store } from '../../domain/store.ts';
import { KeysUnavailable, type Presented, type TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { plainText } from '../../domain/values/plain-text.ts';
import { isLongerThan } from '../../domain/values/printable.ts';
import { check } from '../../wire/check.ts';
import { issuerName } from '../../wire/members.ts';
import { badParameter, missingParameter, Refusal } from '../../wire/refusal.ts';
import { timeOf } from '../../wire/time.ts';
import { bearerChallenge } from '../auth/challenges.ts';
import { type ClientAuth, demandPermission } from '../auth/client-auth.ts';
import { credentialMembers, credentialsOf } from '../auth/json-credentials.ts';
import { type Context, isOfType, logOutcome } from '../context.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { originOf } from '../origin.ts';
import { readBody } from '../reading/body.ts';
import { hasBody } from '../reading/body-flow.ts';
import { formType, readForm } from '../reading/form.ts';
import { isJson, readJson } from '../reading/json.ts';
import { type GivenReason, readReason } from '../reading/reason.ts';
import { respond } from '../respond.ts';
import { headerSecrets, secretsIn } from '../secrecy.ts';

export interface LogoutParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly tokenVerifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly floodRecorder: FloodRecorder;
}

const timestampMax = 64;

/**
 * Stands for a number that JSON has rounded. It is no user's id: it logs nobody out by itself, and does not prevent a
 * logout that a token proves.
 */
const noId = '\0';

/** Members that are empty or null count as not sent; unknown ones are ignored, as apps send all sorts. */
const userId = z
  .union([z.string(), z.number().multipleOf(1)])
  .transform((id) => (typeof id === 'string' || Number.isSafeInteger(id) ? String(id) : noId))
  .nullish();
const text = z.string().nullish();
const emptyIsNull = (given: unknown) => (given === '' ? null : given);
const logoutBody = z.object({
  refresh_token: text,
  user_id: userId,
  userId,
  reason: text,
  timestamp: z.union([z.string(), z.number()]).transform(String).nullish(),
  scope: z.preprocess(emptyIsNull, z.enum(['current', 'others', 'all']).nullish()),
  issuer: z.unknown().optional(),
  ...credentialMembers,
});
/** Whose user a client names; beside a token it is one of the members that are ignored. */
const namedIssuer = z.object({ issuer: z.preprocess(emptyIsNull, issuerName().nullish()) });
type LogoutBody = z.output<typeof logoutBody>;

export function handleLogout(parts: LogoutParts) {
  return async function logout(ctx: Context): Promise<void> {
    const body = await readLogoutBody(ctx);
    const refreshToken = body.refresh_token || undefined;
    const bearerToken = whateverBears(ctx);
    const presented = [refreshToken, bearerToken].filter((token) => token !== undefined);
    const whose = presented.length > 0 ? 'anyone' : 'operators';
    const secretsOf = () => [...presented, ...secretsIn(body), ...headerSecrets(ctx.req)];
    const given = readReason(body.reason || undefined, 'user_initiated_logout', secretsOf, whose);
    const claimedUserId = body.user_id || body.userId || null;
    const timestamp = body.timestamp ? plainText(body.timestamp, timestampMax, secretsOf()) : null;
    const metadata = timestamp === null ? {} : { client_timestamp: timestamp };

    const outcome =
      presented.length > 0
        ? await logOutByToken(parts, {
            ...(await presentBoth(parts.tokenVerifier, refreshToken, bearerToken)),
            scope: body.scope ?? null,
            claimedUserId,
            ...given,
            metadata,
            origin: originOf(ctx, { kind: 'user', id: null }),
          })
        : await logOutByClient(parts, ctx, body, claimedUserId, given, metadata);
    const [reason, code] =
      outcome.status === 'logged_out' ? [given.shown, given.reason] : [outcome.reason, outcome.reason];
    // Only the code: free text stays in the audit trail, where it can be erased.
    logOutcome(ctx, 'logout', { status: outcome.status, reason: code });
    if (outcome.status === 'logged_out') ctx.set('Revocation-Seq', String(outcome.seq));
    respond(ctx, 200, envelope(outcome, reason));
  };
}

/** A malformed bearer token counts as an unknown one. */
function whateverBears(ctx: Context): string | undefined {
  return /^Bearer[ \t]+(\S.*)$/i.exec(ctx.get('authorization'))?.[1];
}

async function readLogoutBody(ctx: Context): Promise<LogoutBody> {
  if (isOfType(ctx, formType)) return check(logoutBody, Object.fromEntries(await readForm(ctx)));
  if (isJson(ctx)) return check(logoutBody, await readJson(ctx));
  await demandNone(ctx);
  return check(logoutBody, {});
}

/** A request without a content type may have a body, if that is empty. */
async function demandNone(ctx: Context): Promise<void> {
  const isEmpty = !hasBody(ctx.req) || (ctx.get('content-type') === '' && (await readBody(ctx)).length === 0);
  if (isEmpty) return;
  const message = `the content type must be application/json or ${formType}`;
  throw new Refusal('unsupported_media_type', message);
}

/** The proofs; and why the bearer token cannot be judged, if the refresh token beside it may be enough. */
interface Proofs {
  readonly refresh: Presented | null;
  readonly bearer: Presented | null;
  readonly unavailable: KeysUnavailable | null;
}

async function presentBoth(
  tokenVerifier: TokenVerifier,
  refreshToken: string | undefined,
  bearerToken: string | undefined,
): Promise<Proofs> {
  const present = (token: string) => tokenVerifier.present(token, { mustBeSure: true });
  const refresh = refreshToken === undefined ? null : await present(refreshToken);
  if (bearerToken === undefined) return { refresh, bearer: null, unavailable: null };
  try {
    return { refresh, bearer: await present(bearerToken), unavailable: null };
  } catch (error) {
    if (refresh === null || !(error instanceof KeysUnavailable)) throw error;
    return { refresh, bearer: null, unavailable: error };
  }
}

async function logOutByToken(parts: LogoutParts, request: LogoutRequest & Proofs): Promise<LoggedOut> {
  const outcome = await logOut(parts.store, parts.policy, request);
  // The bearer may be alive: only a logout that ended something can do without it.
  if (outcome.status === 'already_logged_out' && request.unavailable) throw request.unavailable;
  if (outcome.status === 'already_logged_out' && outcome.reason === 'token_not_found') {
    const { reason, reasonText, metadata, origin } = request;
    const presented = request.refresh ?? request.bearer;
    const details = { reason, reasonText, metadata, tokenRef: presented && tokenRef(presented) };
    await parts.floodRecorder.record(eventOf(origin, 'logout_invalid_token', details));
  }
  return outcome;
}

const tokenMissing = 'a refresh_token or a bearer access token is missing';
const orClientMissing = 'a user_id alone is for clients that authenticate and may revoke:any';

/** Without a token: a client that may revoke anything logs a user out by id. */
async function logOutByClient(
  parts: LogoutParts,
  ctx: Context,
  body: LogoutBody,
  userId: string | null,
  given: GivenReason,
  metadata: Readonly<Record<string, unknown>>,
): Promise<LoggedOut> {
  // With a scheme that proves no client, such as DPoP, the app meant to show a token.
  const provesNoClient = /^(?!basic\b)\S/i.test(ctx.get('authorization'));
  const caller = provesNoClient ? undefined : await parts.auth.authenticate(ctx, credentialsOf(body));
  if (!caller || caller.authMethod === 'none') {
    const message = userId === null ? tokenMissing : `${tokenMissing}; ${orClientMissing}`;
    throw new Refusal('invalid_token', message, { headers: bearerChallenge });
  }
  demandPermission(caller, 'revoke:any');
  if (userId === null) throw missingParameter('user_id');
  if (userId !== (body.userId || userId)) throw badParameter('userId', 'is another than user_id');
  if (isLongerThan(userId, idLengthMax)) throw badParameter('user_id', `is over ${idLengthMax} characters`);
  if (!isId(userId)) throw badParameter('user_id', 'has the wrong form');
  const issuer = check(namedIssuer, body).issuer ?? parts.policy.publicUrl;
  const origin = originOf(ctx, caller.actor);
  return logOutUser(parts.store, parts.policy, { issuer, userId, ...given, metadata, origin });
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
        safe_iat_after: outcome.safeIatAfter ?? undefined,
      };
    case 'already_logged_out':
      return { status: outcome.status, reason };
    default:
      return outcome satisfies never;
  }
}
