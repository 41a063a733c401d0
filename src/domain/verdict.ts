// Whether a token is dead: a pure function of its claims, of the revocations that cover it, of suspensions
// and of the time. Nothing else in the server decides this.
import type { Claims } from './claims.ts';
import type { Revocation } from './cutoffs.ts';

/** What storage knows against a token at one instant. */
export interface Standing {
  /** Revocations that cover the token; empty when none does. */
  readonly coveredBy: readonly Revocation[];
  /** The token's client (or issuer) is disabled: reversible, so no revocation. */
  readonly suspended: boolean;
}

export type Verdict =
  | { readonly active: true }
  | { readonly active: false; readonly why: 'revoked' | 'expired' | 'not_yet_valid' | 'suspended' };

/** `exp` and `nbf` have no leeway: a token is dead from its `exp` on. */
export function verdict(claims: Claims, standing: Standing, now: number): Verdict {
  if (standing.coveredBy.length > 0) return { active: false, why: 'revoked' };
  if (now >= claims.expiresAt) return { active: false, why: 'expired' };
  if (claims.notBefore !== null && now < claims.notBefore) return { active: false, why: 'not_yet_valid' };
  if (standing.suspended) return { active: false, why: 'suspended' };
  return { active: true };
}

/**
 * Is there something left to revoke? Unlike `verdict` this ignores `nbf` and suspension, which do not prevent a
 * revocation.
 */
export function isRevocable(claims: Claims, standing: Standing, now: number): boolean {
  return standing.coveredBy.length === 0 && now < claims.expiresAt;
}

/** A refresh token that its successor replaced. */
export function isSuperseded(standing: Standing): boolean {
  return standing.coveredBy.some((row) => row.reason === 'superseded');
}
