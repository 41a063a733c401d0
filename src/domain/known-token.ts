// What a presented token is: registered with us, a JWT whose signature we verified, both, or nobody's. The
// one place where these sources meet; introspection, revocation and logout ask nothing else.
import { beforeAllTime, type Claims, type Digest, type RegisteredToken } from './claims.ts';
import { laterEnd, openEnd } from './cutoffs.ts';
import { dayMs } from './durations.ts';
import type { Facts } from './store.ts';

/** What verification says of a presented token. */
export type Verification =
  /** No JWT, or none of an issuer that we trust: only a registration can vouch for it. */
  | { readonly kind: 'opaque' }
  /** A JWT that names a trusted issuer and is not one of its tokens: unknown, even if registered. */
  | { readonly kind: 'refused' }
  | Verified;

/** A JWT whose signature holds. */
export interface Verified {
  readonly kind: 'verified';
  readonly claims: Claims;
  /** What it is where nobody registered it. */
  readonly token: KnownToken;
  /** Milliseconds; the token was issued at this instant or later, as far as it lets us know. */
  readonly issuedFrom: number;
  readonly defaults: Defaults;
}

/** Of a kind of JWTs. */
export interface Defaults {
  /** Stand in where neither the token nor its registration names one. */
  readonly defaultClient: string | null;
  readonly defaultAudience: string | null;
  /** Verified by a shared secret of ours: such logins have always logged out everywhere. */
  readonly isHomeMade: boolean;
}

/** A token as it was presented; its text is left behind. */
export interface Presented {
  /** Of the whole string. */
  readonly digest: Digest;
  /** Names the token: for a JWT the digest of its signing input. */
  readonly tokenDigest: Digest;
  readonly verification: Verification;
}

export interface Sureness {
  /**
   * Whoever is told that a token is unknown takes it for dead. Then its key is unknown only if it is in no set that was
   * fetched since; where a token is merely looked at, a set of a moment ago will do.
   */
  readonly mustBeSure?: boolean;
  /** It may well be of an issuer that nobody trusts: that is no sign of a misconfiguration. */
  readonly mayBeForeign?: boolean;
}

/** The port to whatever verifies signatures. */
export interface TokenVerifier {
  /** What `present` would resolve to, where that is known without waiting: of most tokens. */
  recall(presentedToken: string): Presented | undefined;
  /**
   * Null for what could not be a token at all. Rejects with `KeysUnavailable` when an issuer's keys cannot
   * be had: then nothing may be said of the token.
   */
  present(presentedToken: string, sureness?: Sureness): Promise<Presented | null>;
}

/** An issuer's keys cannot be had: 503, and nothing was said. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface KnownToken extends Claims {
  /** The client that registered it; null for a JWT that nobody did. */
  readonly registrar: string | null;
  readonly isHomeMade?: boolean;
  /** What its issuer signed; absent for what is known by its registration alone. */
  readonly signed?: Claims;
  /** Of a JWT: when its registration ends, which may be later than as signed. */
  readonly registeredUntil?: number | null;
}

/** The first instant at which a token could have been issued: one without `iat` lives at most that long. */
export function issuedFrom(
  { issuedAt, expiresAt }: Pick<Claims, 'issuedAt' | 'expiresAt'>,
  lifetimeDaysMax: number,
): number {
  return issuedAt === beforeAllTime ? expiresAt - lifetimeDaysMax * dayMs : issuedAt;
}

export function verifiedAs(claims: Claims, defaults: Defaults, lifetimeDaysMax: number): Verified {
  return {
    kind: 'verified',
    claims,
    token: complete(claims, null, claims, defaults),
    issuedFrom: issuedFrom(claims, lifetimeDaysMax),
    defaults,
  };
}

/** When a JWT ends by its signature; an `openEnd` where our limit ends it. */
export function endOfSigned(
  { issuedAt, expiresAt }: Pick<Claims, 'issuedAt' | 'expiresAt'>,
  lifetimeDaysMax: number,
): number {
  const isCutShort = expiresAt - issuedAt >= lifetimeDaysMax * dayMs;
  return isCutShort && issuedAt !== beforeAllTime ? openEnd(issuedAt) : expiresAt;
}

/**
 * When a row against this token can go: by its signature, if it has one, since a registration may say less; where that
 * says more, not before it ends, as signatures may count no more by then, or the clock of whoever purges be ahead.
 */
export function endOf({ signed, expiresAt, registeredUntil }: KnownToken, lifetimeDaysMax: number): number {
  return signed
    ? laterEnd(endOfSigned(signed, lifetimeDaysMax), registeredUntil ?? 0, lifetimeDaysMax)
    : expiresAt;
}

/**
 * A token that is older than what was purged could be one that was revoked: it is not known any more, neither as a JWT
 * that nobody registered nor where a registration is remembered whose row has gone, too.
 */
export function findKnownToken(facts: Facts, presented: Presented): KnownToken | undefined {
  const { verification } = presented;
  if (verification.kind === 'refused') return undefined;
  const registered = registrationOf(facts, presented);
  if (verification.kind === 'opaque')
    return registered && facts.isForgotten(registered.issuedAt, registered.expiresAt)
      ? undefined
      : registered;
  const { issuedFrom, claims } = verification;
  if (facts.isForgotten(issuedFrom, Math.max(claims.expiresAt, registered?.expiresAt ?? 0))) return undefined;
  return registered ? knownAs(registered, verification) : verification.token;
}

/**
 * What is to be ended. A JWT whose registration contradicts its signature is active for nobody, but only as long as that
 * registration is kept: as what it was signed it is ended all the same.
 */
export function findEndable(facts: Facts, presented: Presented): KnownToken | undefined {
  const known = findKnownToken(facts, presented);
  const { verification } = presented;
  if (known || verification.kind !== 'verified') return known;
  const { issuedFrom, claims, token } = verification;
  return facts.isForgotten(issuedFrom, claims.expiresAt) ? undefined : token;
}

/** What a registered token is when it is presented, and verified so. */
export function knownAs(registered: RegisteredToken, verification: Verification): KnownToken | undefined {
  switch (verification.kind) {
    case 'opaque':
      return registered;
    case 'refused':
      return undefined;
    case 'verified': {
      const { claims, defaults } = verification;
      if (!agrees(registered, claims)) return undefined;
      return complete(join(registered, claims), registered, claims, defaults);
    }
    default:
      return verification satisfies never;
  }
}

/**
 * The same token where it is decided on: of a JWT that nobody had registered when it was looked at, somebody may have
 * said since which grant and session it belongs to.
 */
export function findAgain(facts: Facts, presented: Presented, known: KnownToken): KnownToken {
  return known.registrar === null ? (findEndable(facts, presented) ?? known) : known;
}

/**
 * What was registered of a presented token. A JWT whose signature holds is what the signature covers, however the
 * signature is written: it must not lose its registration by that.
 */
export function registrationOf(
  facts: Facts,
  { digest, tokenDigest, verification }: Presented,
): RegisteredToken | undefined {
  if (verification.kind !== 'verified') return facts.token(digest);
  const [jwt, token] = facts.together(
    () => facts.jwt(tokenDigest),
    () => facts.token(digest),
  );
  return jwt ?? token;
}

/** The defaults of the issuer's record stand in where neither signature nor registration names one. */
function complete(
  claims: Claims,
  registered: RegisteredToken | null,
  signed: Claims,
  defaults: Defaults,
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
    registered.tokenDigest === signed.tokenDigest &&
    registered.issuer === signed.issuer &&
    registered.tokenUse === signed.tokenUse;
  return sameToken && ids.every((id) => signed[id] === null || isOneOf(registered[id], signed[id]));
}

function isOneOf(registered: string | null, signed: string): boolean {
  return registered === null || registered === signed;
}

/** The registration adds what the JWT lacks; of two times the one that kills sooner counts, and is shown. */
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
