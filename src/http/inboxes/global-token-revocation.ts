// POST /global-token-revocation (draft-parecki-oauth-global-token-revocation): 204, or 401 to an unknown caller.
import { nameSubject } from '../../domain/revoke/subject-identifier.ts';
import { isObject } from '../../domain/values/json-values.ts';
import type { SignalFault } from '../../jwt/signal-verifier.ts';
import { Refusal } from '../../wire/refusal.ts';
import { bearerChallenge, invalidTokenChallenge } from '../auth/challenges.ts';
import { bearerOf, type Context } from '../context.ts';
import { readJson } from '../reading/json.ts';
import { type InboxParts, SignalReceiver, type SignedMessage } from './signal-receiver.ts';

/** Without a type of its own, an ID or access token for this audience would be accepted, too (RFC 8725 §3.11). */
const types = ['global-token-revocation+jwt'];

export function handleGlobalTokenRevocation(parts: InboxParts) {
  // §3.5 of the draft: the endpoint itself, whatever audience the issuer's other messages have.
  const endpoint = `${parts.policy.publicUrl}/global-token-revocation`;
  const receiver = new SignalReceiver('global_token_revocation', parts, [endpoint]);
  return async function globalTokenRevocation(ctx: Context): Promise<void> {
    const assertion = bearerOf(ctx);
    const read = await receiver.accept(ctx, assertion ?? '', types, (read) => faultOf(read, receiver));
    if (!read) throw notAccepted(assertion === undefined ? bearerChallenge : invalidTokenChallenge);
    const from = read.issuer.issuer;
    const body = await readJson(ctx).catch(async (error) => {
      if (error instanceof Refusal) await receiver.refuse(ctx, 'malformed', from);
      throw error;
    });
    const id = isObject(body) ? (body.sub_id ?? body.subject) : undefined;
    const named = nameSubject(read.inbox, id);
    if (named.status !== 'named') await receiver.refuse(ctx, named.status, from);
    switch (named.status) {
      case 'named':
        if (!(await receiver.act(ctx, read, named.targets))) throw notAccepted(invalidTokenChallenge);
        ctx.status = 204;
        return;
      case 'not_governed':
        throw new Refusal('insufficient_permission', 'this caller may not end tokens of that issuer');
      case 'not_mapped':
        throw new Refusal('not_found', 'no user is known by such an identifier');
      case 'malformed':
        throw new Refusal('invalid_request', 'sub_id is missing or of a format that is not known');
      default:
        named satisfies never;
    }
  };
}

function faultOf(read: SignedMessage, receiver: SignalReceiver): SignalFault | undefined {
  if (read.payload.exp === undefined) return 'missing_claims';
  return receiver.isRecent(read) ? undefined : 'expired';
}

function notAccepted(headers: Readonly<Record<string, string>>): Refusal {
  return new Refusal('invalid_token', 'the bearer token is not accepted', { headers });
}
