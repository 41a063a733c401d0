// What a presented token is: registered with us, a JWT whose signature we verified, both, or unknown. The one place
// where these sources meet; introspection, revocation and logout all use it.
import { type Claims, type Digest, type EarlierJudgement, isJwt, type RegisteredToken } from '../claims.ts';
import { forever } from '../cutoffs.ts';
import type { LifetimePolicy } from '../policy.ts';
import type { Facts } from '../store.ts';
import { issuedFrom, openEnd } from '../token-life.ts';
import type { IssuerDefaults, Opaque, Presented, ReadJwt, Verification, Verified } from './token-verifier.ts';

export interface KnownToken extends Claims {
  /** The client that registered it; null for a JWT that nobody did. */
  readonly registrar: string | null;
  readonly isHomeMade?: boolean;
  /** What its issuer signed; absent if only its registration is known. */
  readonly signed?: Claims;
  /** For a JWT: when its registration ends, which may be later than its signature says. */
  readonly registeredUntil?: number;
  /** Another target that is the token itself: a JWT may be registered by the digest of its string alone. */
  readonly otherDigest?: Digest;
}

export function verifiedAs(claims: Claims, defaults: IssuerDefaults, policy: LifetimePolicy): Verified {
  return {
    kind: 'verified',
    claims,
    token: complete({ registrar: null, signed: claims, ...claims }, defaults),
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
    const known = asRegistered(registered, verification);
    const isJwtByString = isJwt(presented) && !isJwt(registered);
    return isJwtByString ? alsoNamed(known, registered, presented.targetDigest) : known;
  }
  const { issuedFrom, claims } = verification;
  if (facts.isForgotten(issuedFrom, Math.max(claims.expiresAt, registered?.expiresAt ?? 0))) return undefined;
  return registered ? asSigned(registered, verification) : verification.token;
}

/**
 * A JWT that is registered by the digest of its string alone, while its signature does not count. It may later, or may
 * have before: then its signing input names it.
 */
function alsoNamed(known: KnownToken, registered: RegisteredToken, targetDigest: Digest): KnownToken {
  return {
    ...known,
    judgedBefore: known.judgedBefore ?? { as: { ...registered, targetDigest }, until: forever },
    otherDigest: targetDigest,
    registeredUntil: openEnd(registered.registeredAt),
  };
}

/** A registered token as its verification shows it; undefined if that contradicts the registration. */
export function knownAs(registered: RegisteredToken, verification: Verification): KnownToken | undefined {
  switch (verification.kind) {
    case 'opaque':
      return asRegistered(registered, verification);
    case 'refused':
      return undefined;
    case 'verified':
      return asSigned(registered, verification);
    default:
      return verification satisfies never;
  }
}

function asRegistered(registered: RegisteredToken, { said }: Opaque): KnownToken {
  if (!said) return registered;
  return { ...registered, judgedBefore: { as: asSigned(registered, said) ?? said.token, until: forever } };
}

function asSigned(registered: RegisteredToken, read: ReadJwt): KnownToken | undefined {
  const { claims, defaults } = read;
  if (!agrees(registered, claims)) return undefined;
  const token: Omit<KnownToken, 'isHomeMade'> = {
    judgedBefore: judgementBefore(registered, read),
    registrar: registered.registrar,
    registeredUntil: registered.expiresAt,
    signed: claims,
    ...join(registered, claims),
  };
  return complete(token, defaults);
}

/**
 * A JWT that was registered before its issuer was trusted was judged by its registration alone until then, and at other
 * servers, which notice the record later, a moment longer. One that was registered after that was judged by its signature
 * alone until it was registered.
 */
function judgementBefore(registered: RegisteredToken, { token, defaults }: ReadJwt): EarlierJudgement {
  const { registeredAt } = registered;
  return registeredAt <= defaults.trustedSince
    ? { as: registered, until: forever }
    : { as: token, until: registeredAt };
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

/**
 * Uses the defaults of the issuer's record where neither signature nor registration names one. As in what it is given,
 * spreads come after members of our own: V8 builds a literal that begins with a spread about twenty times slower.
 */
function complete(
  token: Omit<KnownToken, 'isHomeMade'>,
  { defaultClient, defaultAudience, isHomeMade }: IssuerDefaults,
): KnownToken {
  const clientId = token.clientId ?? defaultClient;
  const hasAudience = token.audience.length > 0 || defaultAudience === null;
  const audience = hasAudience ? token.audience : [defaultAudience];
  return { isHomeMade, ...token, clientId, audience };
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
