// POST /revoke (RFC 7009). In order: read the form, authenticate, check the owner, look at the state, revoke.
import { eventOf, type Origin } from '../../domain/audit.ts';
import { tokenRef } from '../../domain/claims.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Client } from '../../domain/records/clients.ts';
import { type Revoked, revokeToken } from '../../domain/revoke/revoke-token.ts';
import { recordEvents, type Store } from '../../domain/store.ts';
import type { TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import { missingParameter, Refusal } from '../../wire/refusal.ts';
import { timeOf } from '../../wire/time.ts';
import { basicChallenge } from '../auth/challenges.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { type Context, logOutcome } from '../context.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { originOf } from '../origin.ts';
import { readForm } from '../reading/form.ts';
import { type GivenReason, readReason } from '../reading/reason.ts';
import { respond } from '../respond.ts';
import { headerSecrets, secretsIn } from '../secrecy.ts';

export interface RevokeParts {
  readonly store: Store;
  readonly policy: Policy;
  readonly tokenVerifier: TokenVerifier;
  readonly auth: ClientAuth;
  readonly floodRecorder: FloodRecorder;
}

const notFound: Revoked = { status: 'already_inactive', reason: 'token_not_found' };

export function handleRevoke(parts: RevokeParts) {
  const { store, policy, tokenVerifier, auth } = parts;
  return async function revoke(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const caller = auth.recall(ctx, form) ?? (await auth.authenticate(ctx, form));
    if (!caller) {
      throw new Refusal('invalid_client', 'client authentication or client_id is missing', {
        headers: basicChallenge,
      });
    }
    const presentedToken = form.get('token');
    if (presentedToken === undefined) throw missingParameter('token');

    const given = readReason(form.get('reason'), 'client_request', () => [
      ...secretsIn(Object.fromEntries(form)),
      ...headerSecrets(ctx.req),
    ]);
    const origin = originOf(ctx, caller.actor);
    const presented =
      tokenVerifier.recall(presentedToken) ??
      (await tokenVerifier.present(presentedToken, { mustBeSure: true }));
    const outcome =
      presented === null
        ? notFound
        : await revokeToken(store, policy, { caller, presented, ...given, origin });

    const ref = presented && tokenRef(presented);
    if (outcome.status !== 'revoked') await recordUnwritten(parts, outcome, caller, given, ref, origin);
    const why = outcome.status === 'already_inactive' ? outcome.reason : undefined;
    logOutcome(ctx, 'revoke', { status: outcome.status, reason: why, token_ref: ref });
    answer(ctx, caller, outcome, given.shown);
  };
}

/** Records what the operation does not write, within limits where a stranger may have caused it. */
async function recordUnwritten(
  { store, floodRecorder }: RevokeParts,
  outcome: Revoked,
  { clientId, authMethod }: Client,
  { reason, reasonText }: GivenReason,
  ref: string | null,
  origin: Origin,
): Promise<void> {
  const isForeign = outcome.status === 'foreign';
  const isUnknown = outcome.status === 'already_inactive' && outcome.reason === 'token_not_found';
  if (!isForeign && !isUnknown) return;
  const action = isForeign ? 'revoke_foreign_token' : 'revoke_invalid_token';
  const event = eventOf(origin, action, { clientId, reason, reasonText, tokenRef: ref });
  if (isForeign && authMethod !== 'none') await recordEvents(store, [event]);
  else await floodRecorder.record(event);
}

function answer(ctx: Context, caller: Client, outcome: Revoked, reason: string): void {
  switch (outcome.status) {
    case 'revoked':
      ctx.set('Revocation-Seq', String(outcome.seq));
      respond(ctx, 200, {
        status: 'revoked',
        reason,
        revoked_at: timeOf(outcome.revokedAt),
        safe_iat_after: outcome.safeIatAfter ?? undefined,
      });
      return;
    case 'already_inactive':
      respond(ctx, 200, outcome);
      return;
    case 'foreign':
      // A public client has proved nothing, so it must not learn that the token exists (RFC 7009 §5).
      if (caller.authMethod === 'none') respond(ctx, 200, notFound);
      else
        throw new Refusal('invalid_grant', 'the token was not issued to this client', { isRecorded: true });
      return;
    default:
      outcome satisfies never;
  }
}
