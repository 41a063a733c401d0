// What a presented token is: registered with us, a JWT whose signature we verified, both, or unknown. The one place
// where these sources meet; introspection, revocation and logout all use it.
import { type Claims, type Digest, type EarlierJudgement, isJwt, type RegisteredToken } from '../claims.ts';
import { type Cause, finalForToken, forever, type NewRevocation } from '../cutoffs.ts';
import type { LifetimePolicy } from '../policy.ts';
import type { Facts } from '../store.ts';
import { tokenTarget } from '../targets.ts';
import { endBySignature, issuedFrom, laterEnd, openEnd } from '../token-life.ts';
import type { IssuerDefaults, Presented, Verification, Verified } from './token-verifier.ts';

export interface KnownToken extends Claims {
  /** The client that registered it; null for a JWT that nobody did. */
  readonly registrar: string | null;
  readonly isHomeMade?: boolean;
  /** What its issuer signed; absent if only its registration is known. */
  readonly signed?: Claims;
  /** For a JWT: when its registration ends, which may be later than its signature says. */
  readonly registeredUntil?: number | null;
  /** Another target that is the token itself: a JWT may be registered by the digest of its string alone. */
  readonly otherDigest?: Digest;
}

export function verifiedAs(claims: Claims, defaults: IssuerDefaults, policy: LifetimePolicy): Verified {
  return {
    kind: 'verified',
    claims,
    token: complete(claims, null, claims, defaults),
    issuedFrom: issuedFrom(claims, policy),
    defaults,
  };
}

/**
 * Undefined also for a token older than the purge horizon: the row that revoked it may be gone. This holds for
 * unregistered JWTs and for registrations that memory still has although their row was purged.
 */
export function findKnownToken(facts: Facts, presented: Presented): KnownToken | undefined {
  const { verification } = presented;
  if (verification.kind === 'refused') return undefined;
  const registered = registrationOf(facts, presented);
  if (verification.kind === 'opaque') {
    if (!registered || facts.isForgotten(registered.issuedAt, registered.expiresAt)) return undefined;
    const isJwtByString = isJwt(presented) && !isJwt(registered);
    return isJwtByString ? alsoNamed(registered, presented) : knownAs(registered, verification);
  }
  const { issuedFrom, claims } = verification;
  if (facts.isForgotten(issuedFrom, Math.max(claims.expiresAt, registered?.expiresAt ?? 0))) return undefined;
  return registered ? knownAs(registered, verification) : verification.token;
}

/**
 * The token to be ended. A JWT whose registration contradicts its signature is inactive, but only as long as the
 * registration is kept; so it is ended as what its issuer signed.
 */
export function findEndable(facts: Facts, presented: Presented): KnownToken | undefined {
  const known = findKnownToken(facts, presented);
  const { verification } = presented;
  if (known || verification.kind !== 'verified') return known;
  const { issuedFrom, claims, token } = verification;
  if (facts.isForgotten(issuedFrom, claims.expiresAt)) return undefined;
  const registered = registrationOf(facts, presented);
  if (!registered || registered.targetDigest === token.targetDigest) return token;
  return { ...token, otherDigest: registered.targetDigest, registeredUntil: registered.expiresAt };
}

/**
 * A JWT that is registered by the digest of its string alone, while its signature does not count. It may later, or may
 * have before: then its signing input names it.
 */
function alsoNamed(registered: RegisteredToken, { targetDigest, verification }: Presented): KnownToken {
  return {
    judgedBefore: { as: { ...registered, targetDigest }, until: forever },
    otherDigest: targetDigest,
    registeredUntil: openEnd(registered.registeredAt),
    ...(knownAs(registered, verification) ?? registered),
  };
}

/** A registered token as its verification shows it; undefined if that contradicts the registration. */
export function knownAs(registered: RegisteredToken, verification: Verification): KnownToken | undefined {
  switch (verification.kind) {
    case 'opaque': {
      const { said } = verification;
      if (!said) return registered;
      const as = knownAs(registered, said) ?? said.token;
      return { judgedBefore: { as, until: forever }, ...registered };
    }
    case 'refused':
      return undefined;
    case 'verified': {
      const { claims, defaults } = verification;
      if (!agrees(registered, claims)) return undefined;
      const judgedBefore = judgementBefore(registered, verification);
      return { judgedBefore, ...complete(join(registered, claims), registered, claims, defaults) };
    }
    default:
      return verification satisfies never;
  }
}

/**
 * Before its issuer was trusted, it was judged by its registration alone, at other servers a moment longer; otherwise,
 * before it was registered, by its signature alone.
 */
function judgementBefore(registered: RegisteredToken, { token, defaults }: Verified): EarlierJudgement {
  const { registeredAt } = registered;
  return registeredAt <= defaults.trustedSince
    ? { as: registered, until: forever }
    : { as: token, until: registeredAt };
}

/**
 * When a revocation of this token may be purged. For a JWT: at the end its signature gives, as a registration may say
 * an earlier one. If the registration ends later, then at that end: by then the signature may not count, or the
 * purging process's clock may be ahead.
 */
function endOfKnownToken({ signed, expiresAt, registeredUntil }: KnownToken, policy: LifetimePolicy): number {
  const known = registeredUntil ?? expiresAt;
  return signed ? laterEnd(endBySignature(signed, policy), known, policy) : known;
}

/**
 * What ends a token that has expired here, though maybe not as its issuer signed it: with a larger TOKEN_LIFETIME_DAYS_MAX,
 * or without its registration once its issuer is trusted, it would be alive.
 */
export function finalsIfCutShort(known: KnownToken, cause: Cause, policy: LifetimePolicy): NewRevocation[] {
  const { signed, otherDigest } = known;
  const isCutShort = signed ? endBySignature(signed, policy) > forever : otherDigest !== undefined;
  return isCutShort ? finalsForKnownToken(known, cause, policy) : [];
}

/** Ends the token itself for good. */
export function finalsForKnownToken(
  known: KnownToken,
  cause: Cause,
  policy: LifetimePolicy,
): NewRevocation[] {
  const end = endOfKnownToken(known, policy);
  const ids = [known.targetDigest, ...(known.otherDigest === undefined ? [] : [known.otherDigest])];
  return ids.map((id) => finalForToken({ ...tokenTarget(known), id }, cause, end));
}

/**
 * The same token at the time of the decision: a JWT that was not registered when it was looked up may have been
 * since, with its grant and session.
 */
export function findAgain(facts: Facts, presented: Presented, known: KnownToken): KnownToken {
  return known.registrar === null ? (findEndable(facts, presented) ?? known) : known;
}

/**
 * The registration of a presented token. A verified JWT is found by what its signature covers: re-encoding the
 * signature must not hide the registration.
 */
export function registrationOf(
  facts: Facts,
  { digest, targetDigest, verification }: Presented,
): RegisteredToken | undefined {
  if (verification.kind !== 'verified') return facts.token(digest);
  const [jwt, token] = facts.together(
    () => facts.jwt(targetDigest),
    () => facts.token(digest),
  );
  return jwt ?? token;
}

/** Uses the defaults of the issuer's record where neither signature nor registration names one. */
function complete(
  claims: Claims,
  registered: RegisteredToken | null,
  signed: Claims,
  defaults: IssuerDefaults,
): KnownToken {
  const { defaultClient, defaultAudience, isHomeMade } = defaults;
  const hasAudience = claims.audience.length > 0 || defaultAudience === null;
  return {
    registrar: registered?.registrar ?? null,
    registeredUntil: registered?.expiresAt ?? null,
    isHomeMade,
    signed,
    ...claims,
    clientId: claims.clientId ?? defaultClient,
    audience: hasAudience ? claims.audience : [defaultAudience],
  };
}

const ids = ['clientId', 'subject', 'grantId', 'sessionId', 'jti'] as const;

/**
 * Registration and signature must not contradict each other: else one of them is about another token. A
 * JWT registered by digest alone, without that of its signing input, is such a contradiction.
 */
function agrees(registered: RegisteredToken, signed: Claims): boolean {
  const sameToken =
    registered.targetDigest === signed.targetDigest &&
    registered.issuer === signed.issuer &&
    registered.tokenUse === signed.tokenUse;
  return (
    sameToken &&
    ids.every((id) => signed[id] === null || registered[id] === null || registered[id] === signed[id])
  );
}

/** The registration adds what the JWT lacks. Of two times, the one that ends the token sooner counts and is shown. */
function join(registered: RegisteredToken, signed: Claims): Claims {
  const expiresAt = Math.min(signed.expiresAt, registered.expiresAt);
  const nbfs = [registered.members.nbf, signed.members.nbf].filter((nbf) => typeof nbf === 'number');
  return {
    ...signed,
    clientId: signed.clientId ?? registered.clientId,
    subject: signed.subject ?? registered.subject,
    grantId: signed.grantId ?? registered.grantId,
    sessionId: signed.sessionId ?? registered.sessionId,
    jti: signed.jti ?? registered.jti,
    issuedAt: Math.min(signed.issuedAt, registered.issuedAt),
    expiresAt,
    notBefore: Math.max(signed.notBefore ?? 0, registered.notBefore ?? 0) || null,
    audience: signed.audience.length > 0 ? signed.audience : registered.audience,
    members: {
      ...registered.members,
      ...signed.members,
      exp: Math.floor(expiresAt / 1000),
      ...(nbfs.length > 0 && { nbf: Math.max(...nbfs) }),
    },
  };
}
