// POST /backchannel-logout (OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8): 200, or 400.
import { isId } from '../../domain/claims.ts';
import type { Target } from '../../domain/targets.ts';
import { isObject } from '../../domain/values/json-values.ts';
import { missingParameter, Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import { readForm } from '../reading/form.ts';
import { respond } from '../respond.ts';
import { type InboxParts, SignalReceiver, type SignedMessage } from './signal-receiver.ts';

const types = ['logout+jwt', 'jwt', ''];
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

export function handleBackchannelLogout(parts: InboxParts) {
  const receiver = new SignalReceiver('backchannel_logout', parts);
  return async function backchannelLogout(ctx: Context): Promise<void> {
    const logoutToken = (await readForm(ctx)).get('logout_token');
    if (logoutToken === undefined) throw missingParameter('logout_token');
    const read = await receiver.accept(ctx, logoutToken, types, (read) => faultOf(read, receiver));
    if (!read) throw notAccepted();
    const { sub, sid } = read.payload;
    const { audience, governs, keepsOffline } = read.inbox;
    const only = { clientId: audience, tokenUse: null, keepsOffline };
    const named =
      sid === undefined ? { kind: 'subject', id: String(sub) } : { kind: 'session', id: String(sid) };
    const targets = governs.map((issuer) => ({ ...named, issuer }) as Target);
    if (!(await receiver.act(ctx, read, targets, { only }))) throw notAccepted();
    respond(ctx, 200, {});
  };
}

/** Checks what tells a logout token from an ID token (§2.4). */
function faultOf(read: SignedMessage, receiver: SignalReceiver): string | undefined {
  const { events, nonce, sub, sid, exp } = read.payload;
  if (nonce !== undefined) return 'nonce';
  if (exp === undefined) return 'missing_claims';
  if (!isObject(events) || !isObject(events[logoutEvent])) return 'events';
  if (sub === undefined && sid === undefined) return 'missing_claims';
  if (![sub, sid].every((name) => name === undefined || isId(name))) return 'malformed';
  return receiver.isRecent(read) ? undefined : 'iat';
}

function notAccepted(): Refusal {
  return new Refusal('invalid_request', 'the logout token is not accepted');
}
