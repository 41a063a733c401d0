// Confirmation of the largest orders: the caller shows that they saw what it will hit, by the signed code of a
// preview or by typing the target's id. The id makes one call enough in an incident.
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Actor } from '../audit.ts';
import { type TargetKind, targetKey } from '../targets.ts';
import type { RevokeOrder } from './revoke-target.ts';

const kinds: ReadonlySet<TargetKind> = new Set(['client', 'key', 'issuer']);
const validMs = 600_000;

export function needsConfirmation(order: RevokeOrder): boolean {
  return kinds.has(order.target.kind);
}

export interface ConfirmationCode {
  readonly code: string;
  readonly expiresAt: number;
}

/** Good for ten minutes, for this actor, this target with its limits, and this cutoff. */
export function confirmationCode(secret: string, order: RevokeOrder, now: number): ConfirmationCode {
  const expiresAt = now + validMs;
  return { code: `${expiresAt.toString(36)}.${sign(secret, order, expiresAt)}`, expiresAt };
}

/** `typedIds`: what the caller may type out instead of a code. Without a secret no code is good. */
export function isConfirmed(
  secret: string | null,
  order: RevokeOrder,
  typedIds: readonly string[],
  given: string | undefined,
  now: number,
): boolean {
  if (given === undefined) return false;
  if (typedIds.includes(given)) return true;
  if (secret === null) return false;
  const [, time = '', signature = ''] = /^([0-9a-z]{1,12})\.([A-Za-z0-9_-]{43})$/.exec(given) ?? [];
  const expiresAt = Number.parseInt(time, 36);
  if (!(expiresAt > now)) return false;
  return timingSafeEqual(Buffer.from(signature), Buffer.from(sign(secret, order, expiresAt)));
}

function sign(secret: string, order: RevokeOrder, expiresAt: number): string {
  const { target, further, only, cutoff, cause } = order;
  const keys = [target, ...further].map(targetKey);
  const actor: Actor = cause.origin.actor;
  const bound = [keys, only.clientId, only.tokenUse, cutoff, actor.kind, actor.id, expiresAt];
  return createHmac('sha256', hash('sha256', secret, 'buffer'))
    .update(JSON.stringify(bound))
    .digest('base64url');
}
