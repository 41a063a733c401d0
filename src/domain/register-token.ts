// Registration: an issuer tells us of a token it is about to hand out, and of the refresh token that the new one
// replaces (rotation, RFC 9700 §4.14.2). An issuer hands a token out only after this succeeded.
import { isDeepStrictEqual } from 'node:util';
import { about, eventOf, type NewEvent, type Origin } from './audit.ts';
import {
  type Claims,
  type Digest,
  isJwt,
  issuedAtOf,
  type RegisteredToken,
  type TokenUse,
  tokenRef,
} from './claims.ts';
import {
  type Cause,
  cutoffOf,
  endOfRegistered,
  endOfUnit,
  finalForToken,
  type NewRevocation,
  openEnd,
  type Revocation,
} from './cutoffs.ts';
import { dayMs } from './durations.ts';
import { knownAs, type Verification } from './known-token.ts';
import type { Policy } from './policy.ts';
import { tokensKeptMs } from './purge-rules.ts';
import { unitsLeft } from './remains.ts';
import type { Session } from './sessions.ts';
import type { Decision, Facts, Store } from './store.ts';
import { targetOf, tokenTarget } from './targets.ts';
import { isSuperseded, type Standing, verdict } from './verdict.ts';

/** What the issuer said, checked for shape. Times in seconds, as on the wire. */
export interface Registration {
  readonly digest: Digest;
  /** For a JWT: digest of its signing input; otherwise the same as `digest`. */
  readonly tokenDigest: Digest;
  readonly tokenUse: TokenUse;
  readonly issuer: string;
  readonly clientId: string;
  readonly subject: string | null;
  readonly grantId: string | null;
  readonly sessionId: string | null;
  readonly jti: string | null;
  readonly iat: number;
  readonly exp: number;
  readonly nbf: number | null;
  /** For a JWT given in full; a token given by its digest alone counts as opaque. */
  readonly verification: Verification;
  /** When the JWT would end by its signature, as `signedEndOf` computes it; null for other tokens and for digests. */
  readonly signedEnd: number | null;
  readonly audience: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly replacesDigest: Digest | null;
  /** Digest of the signing input, if the replaced token is a JWT given in full. */
  readonly replacesTokenDigest: Digest | null;
  /** Where the login came from: kept for the session if this token is its first. */
  readonly userAgent: string | null;
  readonly ip: string | null;
}

type RegistrationConflict =
  | 'claims_conflict'
  | 'grant_conflict'
  | 'session_conflict'
  | 'rotation_conflict'
  | 'refresh_token_dead'
  | 'refresh_token_reuse';

export type Registered =
  | {
      readonly status: 'registered' | 'already_registered';
      readonly token: RegisteredToken;
      /** As introspection would answer now. */
      readonly active: boolean;
    }
  | { readonly status: 'conflict'; readonly code: RegistrationConflict }
  | Refused;

interface Refused {
  readonly status: 'refused';
  readonly parameter: 'iat' | 'exp';
  readonly problem: string;
}

/**
 * Decides on one registration and makes it durable. A conflict or refusal leaves an event `registration_refused`.
 * Rejects with `StoreUnavailable`.
 */
export async function registerToken(
  store: Store,
  policy: Policy,
  registrar: string,
  origin: Origin,
  registration: Registration,
): Promise<Registered> {
  const request = { policy, registrar, origin, registration };
  return store.write((facts, now) => decide(facts, now, request), 'bulk');
}

interface Request {
  readonly policy: Policy;
  readonly registrar: string;
  readonly origin: Origin;
  readonly registration: Registration;
}

function decide(facts: Facts, now: number, request: Request): Decision<Registered> {
  const { registration, registrar, policy, origin } = request;
  const { verification } = registration;
  const { existing, sameJwt, replaced } = find(facts, registration);
  const token = toToken(registration, replaced, registrar, now);
  const refuse = (why: Objection) => refused(why, origin, token, replaced);

  const known = existing ?? sameJwt;
  if (known && !isSaidAgain(known, token)) return refuse(conflict('claims_conflict'));
  if (existing) return again(existing, isActive(facts, now, existing, verification));
  const kept = keptFor(token, registration);
  if (sameJwt) return respelt(kept, isActive(facts, now, token, verification));

  const objection =
    refuseTimes(registration, policy, now) ??
    refuseForgotten(facts, token, now) ??
    refuseNames(facts, registration, token, replaced);
  if (objection) return refuse(objection);

  const [active, standing] = facts.together(
    () => isActive(facts, now, token, verification),
    () => (replaced ? facts.standing(replaced) : undefined),
  );
  if (!replaced || !standing) return accept(facts, now, request, kept, active);
  const isRetry = mayRetry(replaced, standing, policy, now);
  if (!isRetry && isSuperseded(standing)) return reuse(facts, now, request, replaced, standing);
  if (!isRetry && !verdict(replaced, standing, now).active) return refuse(conflict('refresh_token_dead'));
  return accept(facts, now, request, kept, active, { replaced, isRetry });
}

interface Found {
  readonly existing: RegisteredToken | undefined;
  /** The same JWT, registered by another string. */
  readonly sameJwt: RegisteredToken | undefined;
  readonly replaced: RegisteredToken | undefined;
}

function find(facts: Facts, registration: Registration): Found {
  const { digest, tokenDigest, grantId, sessionId } = registration;
  const [existing, sameJwt, replaced] = facts.together(
    () => facts.token(digest),
    () => (isJwt(registration) ? facts.jwt(tokenDigest) : undefined),
    () => findReplaced(facts, registration),
    // Almost every registration needs the rest later: asked for now, it is loaded together with the tokens.
    () => (grantId === null ? undefined : facts.grant(grantId)),
    () => (sessionId === null ? undefined : facts.session(sessionId)),
  );
  return { existing, sameJwt, replaced };
}

type Objection = Extract<Registered, { status: 'conflict' | 'refused' }>;

function conflict(code: RegistrationConflict): Objection {
  return { status: 'conflict', code };
}

/** Leaves an event, and nothing else. */
function refused(
  objection: Objection,
  origin: Origin,
  token: RegisteredToken,
  replaced: RegisteredToken | undefined,
): Decision<Registered> {
  const why =
    objection.status === 'conflict'
      ? { code: objection.code }
      : { code: 'invalid_request', parameter: objection.parameter };
  const metadata = replaced ? { ...why, replaces: tokenRef(replaced) } : why;
  const event = eventOf(origin, 'registration_refused', { metadata, ...about(token) });
  return { outcome: objection, effects: { events: [event] } };
}

/** Refuses names that belong to others or contradict the replaced token. */
function refuseNames(
  facts: Facts,
  { replacesDigest }: Registration,
  token: RegisteredToken,
  replaced: RegisteredToken | undefined,
): Objection | undefined {
  const [grant, session] = facts.together(
    () => (token.grantId === null ? undefined : facts.grant(token.grantId)),
    () => (token.sessionId === null ? undefined : facts.session(token.sessionId)),
  );
  if (replacesDigest !== null && (!replaced || !mayReplace(token, replaced)))
    return conflict('rotation_conflict');
  if (grant && !(isSameUser(grant, token) && grant.clientId === token.clientId))
    return conflict('grant_conflict');
  if (session && !isSameUser(session, token)) return conflict('session_conflict');
  return undefined;
}

interface Rotation {
  readonly replaced: RegisteredToken;
  readonly isRetry: boolean;
}

function accept(
  facts: Facts,
  now: number,
  { registration, origin }: Request,
  token: RegisteredToken,
  active: boolean,
  rotation?: Rotation,
): Decision<Registered> {
  const { sessionId } = token;
  const events: NewEvent[] = [];
  if (sessionId !== null && !facts.session(sessionId)) {
    const { userAgent, ip } = registration;
    events.push(eventOf({ ...origin, userAgent, ip }, 'login', about(token)));
  }
  if (rotation)
    events.push(
      eventOf(origin, 'refresh_token_rotated', {
        reason: 'superseded',
        metadata: rotation.isRetry ? { retry: true } : {},
        ...about(rotation.replaced),
      }),
    );
  return {
    outcome: { status: 'registered', token, active },
    effects: {
      tokens: [token],
      sessions: sessionId === null ? [] : [toSession(token, sessionId, registration, now)],
      revocations: rotation ? [supersession(rotation.replaced, origin)] : [],
      events,
    },
  };
}

function supersession(replaced: RegisteredToken, origin: Origin): NewRevocation {
  const cause: Cause = { reason: 'superseded', reasonText: null, origin };
  return finalForToken(tokenTarget(replaced), cause, endOfRegistered(replaced));
}

/**
 * For a JWT the signature counts, too: if it contradicts the registration or does not hold, the token is not active.
 */
function isActive(facts: Facts, now: number, token: RegisteredToken, verification: Verification): boolean {
  const known = knownAs(token, verification);
  return known !== undefined && verdict(known, facts.standing(known), now).active;
}

/** The same registration again is no conflict: issuers retry, and expect the same answer. */
function again(existing: RegisteredToken, active: boolean): Decision<Registered> {
  return { outcome: { status: 'already_registered', token: existing, active }, effects: {} };
}

/**
 * The same JWT with its signature encoded differently: stores this string as a further name. No session, revocation
 * or event is written.
 */
function respelt(token: RegisteredToken, active: boolean): Decision<Registered> {
  return { outcome: { status: 'already_registered', token, active }, effects: { tokens: [token] } };
}

/** Is it the same registration? For a JWT also by another string, with the signature encoded differently. */
function isSaidAgain(existing: RegisteredToken, token: RegisteredToken): boolean {
  return isDeepStrictEqual(wordsOf(existing), wordsOf(token));
}

function wordsOf(token: RegisteredToken): object {
  const {
    digest: _,
    registeredAt: _at,
    issuedAt: _issued,
    registrar: _who,
    purgeAfter: _until,
    ...said
  } = token;
  return said;
}

function findReplaced(
  facts: Facts,
  { replacesDigest, replacesTokenDigest }: Registration,
): RegisteredToken | undefined {
  const [jwt, token] = facts.together(
    () => (replacesTokenDigest === null ? undefined : facts.jwt(replacesTokenDigest)),
    () => (replacesDigest === null ? undefined : facts.token(replacesDigest)),
  );
  return jwt ?? token;
}

/**
 * A client that missed the answer asks again. Within the grace interval after the rotation that is no reuse: the
 * token gets a second successor, if nothing else stands against it.
 */
function mayRetry(replaced: RegisteredToken, standing: Standing, policy: Policy, now: number): boolean {
  if (policy.refreshGraceMs === 0) return false;
  const isFresh = (row: Revocation) =>
    row.reason === 'superseded' && now - row.revokedAt <= policy.refreshGraceMs;
  const wasRotated = standing.coveredBy.length > 0 && standing.coveredBy.every(isFresh);
  return wasRotated && verdict(replaced, { ...standing, coveredBy: [] }, now).active;
}

/** A superseded refresh token came back: it or its successor was stolen, so the whole grant dies. */
function reuse(
  facts: Facts,
  now: number,
  { policy, origin }: Request,
  replaced: RegisteredToken,
  standing: Standing,
): Decision<Registered> {
  const grant = targetOf(replaced, 'grant');
  const units = unitsLeft(replaced, standing, grant ? [grant] : []);
  const cause: Cause = { reason: 'reuse_detected', reasonText: null, origin };
  const reusesIds = facts.issuer(replaced.issuer)?.reusesIds ?? false;
  const cutoff = cutoffOf([replaced], now, policy.clockSkewMs);
  const revocations = units.map((unit) =>
    endOfUnit(unit, cause, cutoff, now, policy.lifetimeDaysMax, reusesIds),
  );
  const event = eventOf(origin, 'refresh_token_reuse', { reason: 'reuse_detected', ...about(replaced) });
  return {
    outcome: { status: 'conflict', code: 'refresh_token_reuse' },
    effects: { revocations, events: [event] },
  };
}

function mayReplace(token: Claims, replaced: Claims): boolean {
  const bothRefresh = token.tokenUse === 'refresh_token' && replaced.tokenUse === 'refresh_token';
  const sameClient = token.clientId === replaced.clientId && token.grantId === replaced.grantId;
  const sameSession = replaced.sessionId === null || token.sessionId === replaced.sessionId;
  return bothRefresh && sameClient && sameSession && isSameUser(token, replaced);
}

function isSameUser(
  one: { issuer: string; subject: string | null },
  other: { issuer: string; subject: string | null },
): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

function refuseTimes(registration: Registration, policy: Policy, now: number): Refused | undefined {
  const { iat, exp } = registration;
  const lifetimeMax = policy.lifetimeDaysMax * dayMs;
  if (iat * 1000 > now + policy.clockSkewMs) {
    const problem = 'lies in the future; it is given in seconds since 1970';
    return { status: 'refused', parameter: 'iat', problem };
  }
  if (exp * 1000 > now + lifetimeMax || (exp - iat) * 1000 > lifetimeMax) {
    const problem = `is over ${policy.lifetimeDaysMax} days after iat; it is given in seconds since 1970`;
    return { status: 'refused', parameter: 'exp', problem };
  }
  return undefined;
}

/**
 * Refuses a token that a verdict would not accept as a JWT: its revocation may have been purged together with an
 * earlier registration. An expired token may still be imported.
 */
function refuseForgotten(facts: Facts, token: RegisteredToken, now: number): Refused | undefined {
  if (token.expiresAt <= now || !facts.isForgotten(token.issuedAt, token.expiresAt)) return undefined;
  const problem = 'lies before what is still known of revocations; issue a new token';
  return { status: 'refused', parameter: 'iat', problem };
}

/**
 * A refresh token that names no grant is its own grant, and its successors inherit grant, session and user from it. A
 * token whose `iat` is later than its registration counts as issued at registration: a clock that runs ahead must not
 * let it escape a cutoff.
 */
function toToken(
  registration: Registration,
  replaced: RegisteredToken | undefined,
  registrar: string,
  now: number,
): RegisteredToken {
  const { digest, tokenDigest, tokenUse, issuer, clientId, jti, audience, members, replacesDigest } =
    registration;
  const ownGrant = tokenUse === 'refresh_token' ? `grant-${tokenDigest.slice(0, 32)}` : null;
  return {
    digest,
    tokenDigest,
    tokenUse,
    issuer,
    clientId,
    subject: registration.subject ?? replaced?.subject ?? null,
    grantId: registration.grantId ?? replaced?.grantId ?? ownGrant,
    sessionId: registration.sessionId ?? replaced?.sessionId ?? null,
    jti,
    keyThumbprint: null,
    issuedAt: Math.min(issuedAtOf(registration.iat), now),
    expiresAt: Math.floor(registration.exp * 1000),
    notBefore: registration.nbf === null ? null : Math.ceil(registration.nbf * 1000),
    audience,
    members: { iat: registration.iat, exp: registration.exp, ...members },
    registrar,
    registeredAt: now,
    replacesDigest,
  };
}

/**
 * Keeps the row of a JWT longer if it may be signed to live longer, which is unknown if only its digest was given:
 * without the row, its signature alone would count. Its issuer need not be trusted yet, as that may change.
 */
function keptFor(token: RegisteredToken, { signedEnd }: Registration): RegisteredToken {
  const end = signedEnd ?? (isJwt(token) ? openEnd(token.registeredAt) : null);
  return end !== null && end > token.expiresAt ? { purgeAfter: end + tokensKeptMs, ...token } : token;
}

function toSession(
  token: RegisteredToken,
  sessionId: string,
  registration: Registration,
  now: number,
): Session {
  return {
    sessionId,
    issuer: token.issuer,
    subject: token.subject,
    clientId: token.clientId ?? token.registrar,
    createdAt: now,
    lastActiveAt: now,
    expiresAt: token.expiresAt,
    userAgent: registration.userAgent,
    ip: registration.ip,
  };
}
