// Previews of revocations, and the confirmation that the largest of them need: for the management API and the command
// line alike.
import type { Policy } from '../domain/policy.ts';
import { confirmationCode, isConfirmed, needsConfirmation } from '../domain/revoke/confirmation.ts';
import { previewRevocation } from '../domain/revoke/preview-revocation.ts';
import { isFinalOrder, problemOf, type RevokeOrder } from '../domain/revoke/revoke-target.ts';
import type { Store } from '../domain/store.ts';
import { badParameter, Refusal } from './refusal.ts';
import type { ReadOrder } from './revocation-order.ts';
import { previewToWire } from './revocations.ts';

export interface PreviewParts {
  readonly store: Store;
  readonly policy: Policy;
  /** Signs the codes; null if no later call could check one: an order is then confirmed by its id only. */
  readonly confirmSecret: string | null;
  readonly now: () => number;
}

/** @throws Refusal `invalid_request` for what the order itself would be refused for. */
export async function previewOrder(parts: PreviewParts, order: RevokeOrder): Promise<object> {
  const { store, policy, confirmSecret, now } = parts;
  const problem = await store.ask((facts, at) => problemOf(order, policy, at, isFinalOrder(facts, order)));
  if (problem !== undefined) throw badParameter('cutoff', problem);
  const hasCode = confirmSecret !== null && needsConfirmation(order);
  const confirm = hasCode ? confirmationCode(confirmSecret, order, now()) : null;
  return previewToWire(order, await previewRevocation(store, policy, order), confirm);
}

/** Refuses, with a preview, an order that needs a confirmation and has no valid one. */
export async function demandConfirmation(
  parts: PreviewParts,
  { order, typedIds }: ReadOrder,
  given: string | undefined,
): Promise<void> {
  if (!needsConfirmation(order)) return;
  if (isConfirmed(parts.confirmSecret, order, typedIds, given, parts.now())) return;
  const detail = given === undefined ? 'confirm is missing' : 'confirm is neither a valid code nor the id';
  const withCode = parts.confirmSecret === null ? '' : 'with the code of the preview, or ';
  const message = `${detail}; repeat the call ${withCode}with the id of the target`;
  throw new Refusal('confirmation_required', message, {
    members: { preview: await previewOrder(parts, order) },
  });
}
