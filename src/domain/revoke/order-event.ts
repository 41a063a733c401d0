// How the audit trail tells of an order to revoke: who and what it is about.
import { eventOf, type NamedInEvent, type NewEvent } from '../audit.ts';
import { tokenRef } from '../claims.ts';
import { forever, type NewRevocation } from '../cutoffs.ts';
import type { Target } from '../targets.ts';
import type { Ordered, RevokeOrder } from './revoke-target.ts';

/** `row`: that of its first target. `wasThere`: nothing was left to revoke. */
export function eventFor(order: RevokeOrder, row: NewRevocation, wasThere: boolean): NewEvent {
  const { cause } = order;
  const { metadata, ...named } = namedBy(order);
  return eventOf(cause.origin, order.action, {
    reason: cause.reason,
    reasonText: cause.reasonText,
    ...named,
    metadata: {
      ...order.metadata,
      ...metadata,
      ...(row.cutoff === forever ? {} : { cutoff: new Date(row.cutoff).toISOString() }),
      ...(wasThere ? { already_revoked: true } : {}),
    },
  });
}

/** Who and what an order is about, for the audit trail. */
export function namedBy({ target, further, only }: Ordered): NamedInEvent {
  const { kind, issuer, id } = target;
  const named = (which: Target['kind']) => (kind === which ? id : null);
  return {
    userId: named('subject'),
    clientId: named('client') ?? only.clientId,
    sessionId: named('session'),
    tokenRef: kind === 'token' ? nameInEvent(target) : null,
    metadata: {
      kind,
      ...(kind === 'token' ? {} : { issuer }),
      ...(kind === 'jti' || kind === 'grant' || kind === 'key' ? { id } : {}),
      ...(further.length === 0 ? {} : { also: further.map(nameInEvent) }),
      ...(only.tokenUse === null ? {} : { token_use: only.tokenUse }),
      ...(only.keepsOffline ? { keeps_offline: true } : {}),
    },
  };
}

function nameInEvent({ kind, id }: Target): string {
  return kind === 'token' ? tokenRef({ targetDigest: id }) : id;
}
