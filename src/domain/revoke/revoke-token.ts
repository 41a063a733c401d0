// RFC 7009: a client revokes one of its own tokens. A refresh token takes its grant with it; an access
// token dies alone unless its client cascades.
import { about, eventOf, type NewEvent } from '../audit.ts';
import type { Claims } from '../claims.ts';
import { type Cause, cutoffOnProof, safeIatAfterAll } from '../cutoffs.ts';
import { mayRetry } from '../grace.ts';
import { endingsOfUnits, hasLivingToken, unitsLeft } from '../living-units.ts';
import type { Policy } from '../policy.ts';
import { type Client, holds } from '../records/clients.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { targetOf } from '../targets.ts';
import type { KnownToken } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import { isRevocable, type Standing } from '../verdict.ts';
import type { AuditAction, InactiveReason } from '../vocabulary.ts';
import { finalsForDeadToken, finalsForKnownToken, findAgain, findEndable } from './endable-token.ts';

export type Revoked =
  | {
      readonly status: 'revoked';
      readonly revokedAt: number;
      readonly seq: number;
      /** Seconds: the first `iat` that survives, where the grant's id comes back across logins; else null. */
      readonly safeIatAfter: number | null;
    }
  | { readonly status: 'already_inactive'; readonly reason: InactiveReason }
  | { readonly status: 'foreign' };

export interface RevokeRequest extends Cause {
  readonly caller: Client;
  readonly presented: Presented;
}

/**
 * Writes nothing for `token_not_found` and, for another client's token, `foreign`: strangers can cause these at will,
 * so the caller of this function records them, within limits.
 */
export async function revokeToken(store: Store, policy: Policy, request: RevokeRequest): Promise<Revoked> {
  const { presented } = request;
  // A public client has proved nothing (RFC 7009 §5).
  const line = request.caller.authMethod === 'none' ? 'unvouched' : 'vouched';
  const known = await store.ask((facts) => findEndable(facts, presented), line, [presented.digest]);
  if (!known) return { status: 'already_inactive', reason: 'token_not_found' };
  if (!mayRevoke(request.caller, known)) return { status: 'foreign' };
  return store.write((facts, now) => decide(facts, now, policy, request, known), line);
}

function mayRevoke(caller: Client, claims: Claims): boolean {
  return claims.clientId === caller.clientId || holds(caller, 'revoke:any');
}

function decide(
  facts: Facts,
  now: number,
  policy: Policy,
  request: RevokeRequest,
  known: KnownToken,
): Decision<Revoked> {
  const claims = findAgain(facts, request.presented, known);
  if (!mayRevoke(request.caller, claims)) return { outcome: { status: 'foreign' }, effects: {} };
  const [standing, owner] = facts.together(
    () => facts.standing(claims),
    () => (claims.clientId === null ? undefined : facts.client(claims.clientId)),
    // Looked at later, to end the grant: asked for now, it is loaded together with the others.
    () => facts.issuer(claims.issuer),
  );
  const takesGrant = claims.tokenUse === 'refresh_token' || owner?.cascade === 'grant';
  const grant = takesGrant ? targetOf(claims, 'grant') : undefined;
  const units = unitsLeft(claims, standing, grant ? [grant] : []);
  const isAnythingLeft =
    isRevocable(claims, standing, now) ||
    mayRetry(claims, standing, policy, now) ||
    hasLivingToken(facts, units, now);
  if (!isAnythingLeft) return nothingLeft(claims, standing, request, policy);
  const cutoff = cutoffOnProof([claims], now, policy);
  const revocations = [
    ...finalsForKnownToken(claims, request, policy),
    ...endingsOfUnits(facts, now, policy, units, request, cutoff),
  ];
  return {
    outcome: (seqs) => ({
      status: 'revoked',
      revokedAt: now,
      seq: Math.max(...seqs),
      safeIatAfter: safeIatAfterAll(revocations),
    }),
    effects: { revocations, events: [eventAbout(claims, request, 'revoke')] },
  };
}

/** All that it could end was revoked, or has expired. */
function nothingLeft(
  claims: KnownToken,
  standing: Standing,
  request: RevokeRequest,
  policy: Policy,
): Decision<Revoked> {
  const isRevoked = standing.coveredBy.length > 0;
  const event = eventAbout(claims, request, isRevoked ? 'revoke_already_revoked' : 'revoke_expired_token');
  const reason = isRevoked ? 'token_already_revoked' : 'token_expired';
  const revocations = finalsForDeadToken(claims, standing, request, policy);
  return { outcome: { status: 'already_inactive', reason }, effects: { revocations, events: [event] } };
}

function eventAbout(claims: Claims, { origin, reason, reasonText }: Cause, action: AuditAction): NewEvent {
  return eventOf(origin, action, { reason, reasonText, ...about(claims) });
}
