// Where a request comes from, as the events of the audit trail bear it.
import type { Actor, Origin } from '../domain/audit.ts';
import { plainText, userAgentMax } from '../domain/values/plain-text.ts';
import type { Context } from './context.ts';
import { headerSecrets, protectUnread } from './secrecy.ts';

const channelOf = { oauth: 'oauth', logout: 'logout', events: 'inbox', v1: 'api' } as const;

/**
 * Holds no secret of the request, even if its id or User-Agent repeats one. If the body has not been read, whatever might
 * be a secret in it is dropped.
 */
export function originOf(ctx: Context, actor: Actor): Origin {
  protectUnread(ctx);
  const { requestId, ip, secrets } = ctx.state;
  if (ctx.state.userAgent === undefined) {
    const given = ctx.get('user-agent');
    const known = given === '' ? [] : [...secrets, ...headerSecrets(ctx)];
    ctx.state.userAgent = plainText(given, userAgentMax, known);
  }
  const { userAgent } = ctx.state;
  return { actor, channel: channelOf[ctx.state.family], ip, userAgent, requestId };
}
