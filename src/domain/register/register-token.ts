// Registration: an issuer tells us of a token it is about to hand out, and of the refresh token that the new one
// replaces (rotation, RFC 9700 §4.14.2). An issuer hands a token out only after this succeeded.
import { about, eventOf, type NewEvent, type Origin } from '../audit.ts';
import { type Claims, isJwt, type RegisteredToken, tokenRef } from '../claims.ts';
import { isReused, mayRetry } from '../grace.ts';
import type { Policy } from '../policy.ts';
import type { Decision, Facts, Store } from '../store.ts';
import { findKnownToken, knownAs, registrationOf } from '../tokens/known-token.ts';
import type { Verification } from '../tokens/token-verifier.ts';
import { verdict } from '../verdict.ts';
import { conflict, type Objection, type Registered, type Registration } from './registration.ts';
import {
  refuseForgotten,
  refuseNames,
  refuseOtherClaims,
  refuseRevival,
  refuseTimes,
} from './registration-checks.ts';
import { reuse, supersession } from './rotation.ts';
import { toSession, toToken, withPurgeAfter } from './to-registered-token.ts';

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
  const otherClaims = known && refuseOtherClaims(known, token);
  if (otherClaims) return refuse(otherClaims);
  if (existing) return again(existing, isActive(facts, now, findKnownToken(facts, registration)));
  const kept = withPurgeAfter(token, registration);
  if (sameJwt) return respelt(kept, isActive(facts, now, findRespelt(facts, registration, token)));

  const objection =
    refuseTimes(registration, policy, now) ??
    refuseForgotten(facts, token, now) ??
    refuseNames(facts, registration, token, replaced) ??
    refuseRevival(facts, registration, token);
  if (objection) return refuse(objection);

  const old = replaced && asJudged(replaced, registration.replacesVerification);
  if (replaced && !old) return refuse(conflict('refresh_token_dead'));
  const [active, standing] = facts.together(
    () => isActive(facts, now, knownAs(token, verification)),
    () => (old ? facts.standing(old) : undefined),
  );
  if (!replaced || !old || !standing) return accept(facts, now, request, kept, active);
  const isRetry = mayRetry(old, standing, policy, now);
  if (isReused(standing, policy, now)) return reuse(facts, now, policy, origin, replaced, standing);
  if (!isRetry && !verdict(old, standing, now).active) return refuse(conflict('refresh_token_dead'));
  return accept(facts, now, request, kept, active, { replaced, isRetry });
}

interface Found {
  readonly existing: RegisteredToken | undefined;
  /** The same JWT, registered by another string. */
  readonly sameJwt: RegisteredToken | undefined;
  readonly replaced: RegisteredToken | undefined;
}

function find(facts: Facts, registration: Registration): Found {
  const { digest, targetDigest, grantId, sessionId } = registration;
  const [existing, sameJwt, replaced] = facts.together(
    () => facts.token(digest),
    () => (isJwt(registration) ? facts.jwt(targetDigest) : undefined),
    () => findReplaced(facts, registration),
    // Looked at later, by nearly all: asked for now, they are loaded together with the tokens.
    () => (grantId === null ? undefined : facts.grant(grantId)),
    () => (sessionId === null ? undefined : facts.session(sessionId)),
  );
  return { existing, sameJwt, replaced };
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

/** `known`: undefined for a JWT whose signature does not hold, or contradicts its registration; it is not active. */
function isActive(facts: Facts, now: number, known: Claims | undefined): boolean {
  return known !== undefined && verdict(known, facts.standing(known), now).active;
}

/** As introspection will find it: a JWT by its first registration, whose time counts, unless its signature does not. */
function findRespelt(facts: Facts, registration: Registration, token: RegisteredToken): Claims | undefined {
  const { verification } = registration;
  return verification.kind === 'verified'
    ? findKnownToken(facts, registration)
    : knownAs(token, verification);
}

/**
 * The token to be replaced is as dead as introspection says: a JWT by what its signature names as well, and by both if they
 * contradict each other (undefined). By its registration alone where the signature no longer counts, as when its key
 * left the set.
 */
function asJudged(replaced: RegisteredToken, verification: Verification): Claims | undefined {
  return verification.kind === 'refused' ? replaced : knownAs(replaced, verification);
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

function findReplaced(
  facts: Facts,
  { replacesDigest, replacesVerification: verification }: Registration,
): RegisteredToken | undefined {
  if (replacesDigest === null) return undefined;
  const targetDigest = verification.kind === 'verified' ? verification.claims.targetDigest : replacesDigest;
  return registrationOf(facts, { digest: replacesDigest, targetDigest, verification });
}
