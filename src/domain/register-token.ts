// Registration: an issuer tells us of a token it is about to hand out, and of the refresh token that the
// new one replaces (rotation, RFC 9700 §4.14.2). An issuer hands a token out only after this said yes.
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
  /** Of a JWT given as it is; by its digest alone any token is opaque. */
  readonly verification: Verification;
  /** When the JWT itself would end, as `signedEndOf` has it; null for what is no JWT or given by digest. */
  readonly signedEnd: number | null;
  readonly audience: readonly string[];
  readonly members: Readonly<Record<string, unknown>>;
  readonly replacesDigest: Digest | null;
  /** Of a JWT given as it is, the digest of its signing input. */
  readonly replacesTokenDigest: Digest | null;
  /** Facts of the login, for the session when this token is the first of it. */
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
      /** As introspection would have it now. */
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
 * Decides on one registration and makes it durable. What is in conflict or refused leaves an event
 * `registration_refused`. Rejects with `StoreUnavailable`.
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
  /** The same JWT by another string. */
  readonly sameJwt: RegisteredToken | undefined;
  readonly replaced: RegisteredToken | undefined;
}

function find(facts: Facts, registration: Registration): Found {
  const { digest, tokenDigest, grantId, sessionId } = registration;
  const [existing, sameJwt, replaced] = facts.together(
    () => facts.token(digest),
    () => (isJwt(registration) ? facts.jwt(tokenDigest) : undefined),
    () => findReplaced(facts, registration),
    // Looked at later, by nearly all: asked for now, they are loaded together with the tokens.
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

/** The names that it gives belong to others, or do not go with what it replaces. */
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

/** Of a JWT its signature has a say, too: what contradicts it, or what nobody signed, is active for nobody. */
function isActive(facts: Facts, now: number, token: RegisteredToken, verification: Verification): boolean {
  const known = knownAs(token, verification);
  return known !== undefined && verdict(known, facts.standing(known), now).active;
}

/** The same registration again is no conflict: issuers retry, and then want the same answer. */
function again(existing: RegisteredToken, active: boolean): Decision<Registered> {
  return { outcome: { status: 'already_registered', token: existing, active }, effects: {} };
}

/** A JWT that is known, by another string: that is known from now on, too, and nothing is done a second time. */
function respelt(token: RegisteredToken, active: boolean): Decision<Registered> {
  return { outcome: { status: 'already_registered', token, active }, effects: { tokens: [token] } };
}

/** Of one JWT also by another string, whose signature is written otherwise. */
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
 * A client whose answer got lost asks again. Within the grace interval after the rotation that is no reuse,
 * and the token gets a second successor, provided that nothing else stands against it.
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
 * What a verdict would not vouch for as a JWT is not registered: it could be dead, its registration and its revocation
 * purged together. What has expired may still be imported.
 */
function refuseForgotten(facts: Facts, token: RegisteredToken, now: number): Refused | undefined {
  if (token.expiresAt <= now || !facts.isForgotten(token.issuedAt, token.expiresAt)) return undefined;
  const problem = 'lies before what is still known of revocations; issue a new token';
  return { status: 'refused', parameter: 'iat', problem };
}

/**
 * A refresh token that names no grant is its own grant, and its successors inherit grant, session and
 * user from it. A token counts as issued when it was registered if its `iat` is later than that, so that
 * a clock that runs ahead outlives no cutoff.
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
 * A JWT may live longer as signed; of one given by digest nobody knows. Whether its issuer is trusted today says nothing of
 * tomorrow: were its registration forgotten, its signature alone would count.
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
