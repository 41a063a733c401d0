// Introspection (RFC 7662): is this token active, and may this caller know? A caller that may not know gets the same
// answer as for a token that does not exist.
import type { Claims } from '../claims.ts';
import { type Asker, holds, nameAt, reaches } from '../records/clients.ts';
import type { Facts, Store } from '../store.ts';
import { findKnownToken, type KnownToken } from '../tokens/known-token.ts';
import type { Presented } from '../tokens/token-verifier.ts';
import { verdict } from '../verdict.ts';

export type Introspection =
  | { readonly active: true; readonly claims: Claims; readonly cacheMaxAge: number }
  | {
      readonly active: false;
      /** The token was revoked or superseded: presenting it again is worth a note. Not for the caller. */
      readonly revoked?: { readonly claims: Claims; readonly reason: string };
    };

const inactive: Introspection = { active: false };

/**
 * RFC 7662 §2.2: what may be said of a token to this caller; null stands for text that could not be a token. Rejects
 * with `StoreUnavailable`.
 */
export async function introspectToken(
  store: Store,
  caller: Asker,
  presented: Presented | null,
): Promise<Introspection> {
  if (presented === null) return inactive;
  return store.ask((facts, now) => judge(facts, now, caller, presented), 'bulk', [presented.digest]);
}

/** Many tokens as of one instant, in one question, answered in order. */
export async function introspectTokens(
  store: Store,
  caller: Asker,
  presented: readonly (Presented | null)[],
): Promise<readonly Introspection[]> {
  return store.ask(
    (facts, now) =>
      facts.each(presented, (one) => (one === null ? inactive : judge(facts, now, caller, one))),
    'bulk',
    presented.flatMap((one) => (one === null ? [] : [one.digest])),
  );
}

function judge(facts: Facts, now: number, caller: Asker, presented: Presented): Introspection {
  const token = findKnownToken(facts, presented);
  if (!token) return inactive;
  const standing = facts.standing(token);
  const [cover] = standing.coveredBy;
  if (cover && now < token.expiresAt)
    return { active: false, revoked: { claims: token, reason: cover.reason } };
  if (!maySee(facts, caller, token) || !verdict(token, standing, now).active) return inactive;
  const secondsLeft = Math.max(0, Math.floor((token.expiresAt - now) / 1000));
  return { active: true, claims: token, cacheMaxAge: Math.min(caller.cacheMaxAge, secondsLeft) };
}

/**
 * RFC 7662 §4: an access token is shown to its audience. A refresh token never is, as it is not meant for resource
 * servers.
 */
export function maySee(facts: Facts, caller: Asker, token: KnownToken): boolean {
  if (!reaches(caller, token.issuer)) return false;
  const name = nameAt(caller, token.issuer);
  if (holds(caller, 'introspect:any') || token.clientId === name) return true;
  if (token.tokenUse === 'refresh_token') return token.registrar === caller.clientId;
  return audienceOf(facts, token).some((one) => one === name || caller.audiences.includes(one));
}

/** The token's audience; if it names none, the default on its issuer's record. */
function audienceOf(facts: Facts, { audience, issuer }: KnownToken): readonly string[] {
  if (audience.length > 0) return audience;
  const name = facts.issuer(issuer)?.defaultAudience;
  return name == null ? [] : [name];
}
