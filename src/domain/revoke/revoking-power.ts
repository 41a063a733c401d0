// Who may revoke what: `revoke:any` everything; the permission for a kind of target, those of the client's own issuers.
import type { Policy } from '../policy.ts';
import { type Asker, holds, issuersOf, reaches } from '../records/clients.ts';
import { everyIssuer, type Target } from '../targets.ts';

/** Why a caller may not revoke a target. */
export type PowerLack =
  /** A bearer reaches the names of its own issuer only. */
  | 'beyond_reach'
  | 'no_permission'
  /** All issuers at once need `revoke:any`. */
  | 'every_issuer'
  /** The target is not one of the client's own issuers. */
  | 'foreign_issuer';

/** `owners`: the issuers to which the target belongs. Undefined if the caller may revoke it. */
export function powerLack(
  caller: Asker,
  { kind, issuer }: Pick<Target, 'kind' | 'issuer'>,
  owners: readonly string[],
  policy: Policy,
): PowerLack | undefined {
  if (!owners.every((owner) => reaches(caller, owner))) return 'beyond_reach';
  if (holds(caller, 'revoke:any')) return undefined;
  if (!holds(caller, `revoke:${kind}`)) return 'no_permission';
  if (issuer === everyIssuer) return 'every_issuer';
  const own = issuersOf(caller, policy);
  return owners.every((owner) => own.includes(owner)) ? undefined : 'foreign_issuer';
}
