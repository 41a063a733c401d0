// POST /revoke (RFC 7009). In order: read the form, authenticate, check the owner, look at the state, revoke.
import { eventOf } from '../../domain/audit.ts';
import { tokenRef } from '../../domain/claims.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Client } from '../../domain/records/clients.ts';
import { type Revoked, revokeToken } from '../../domain/revoke/revoke-token.ts';
import { recordEvents, type Store } from '../../domain/store.ts';
import type { TokenVerifier } from '../../domain/tokens/token-verifier.ts';
import type { AuditAction } from '../../domain/vocabulary.ts';
import { missingParameter, Refusal } from '../../wire/refusal.ts';
import { timeOf } from '../../wire/time.ts';
import { basicChallenge } from '../auth/challenges.ts';
import type { ClientAuth } from '../auth/client-auth.ts';
import { type Context, logOutcome } from '../context.ts';
import type { FloodRecorder } from '../flood-recorder.ts';
import { readForm } from '../form.ts';
import { originOf } from '../origin.ts';
import { readReason } from '../reason.ts';
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

export function handleRevoke({ store, policy, tokenVerifier, auth, floodRecorder }: RevokeParts) {
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
      ...headerSecrets(ctx),
    ]);
    const origin = originOf(ctx, caller.actor);
    const presented =
      tokenVerifier.recall(presentedToken) ??
      (await tokenVerifier.present(presentedToken, { mustBeSure: true }));
    const outcome =
      presented === null
        ? notFound
        : await revokeToken(store, policy, { caller, presented, ...given, origin });

    // Records, within limits, what the operation itself does not write.
    const { reason, reasonText } = given;
    const ref = presented && tokenRef(presented);
    const details = { clientId: caller.clientId, reason, reasonText, tokenRef: ref };
    const record = (action: AuditAction) => floodRecorder.record(eventOf(origin, action, details));
    if (outcome.status === 'foreign') {
      if (caller.authMethod === 'none') await record('revoke_foreign_token');
      else await recordEvents(store, [eventOf(origin, 'revoke_foreign_token', details)]);
    }
    if (outcome.status === 'already_inactive' && outcome.reason === 'token_not_found')
      await record('revoke_invalid_token');
    const why = outcome.status === 'already_inactive' ? outcome.reason : undefined;
    logOutcome(ctx, 'revoke', { status: outcome.status, reason: why, token_ref: ref });
    answer(ctx, caller, outcome, given.shown);
  };
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
