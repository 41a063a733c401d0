// Where a request comes from, as the events of the audit trail bear it.
import type { Actor, Origin } from '../domain/audit.ts';
import type { Context } from './context.ts';

const channelOf = { oauth: 'oauth', logout: 'logout', events: 'inbox', v1: 'api' } as const;

export function originOf(ctx: Context, actor: Actor): Origin {
  const { names, ip, family } = ctx.state;
  const { requestId, userAgent } = names;
  return { actor, channel: channelOf[family], ip, userAgent, requestId };
}
