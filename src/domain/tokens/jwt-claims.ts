// Turns the payload of a JWT into claims, or says why it is no token of the kinds we judge. Whether its signature holds is
// not decided here; and where it does, that says who signed the payload, no more: any member may be of any type.
import { beforeAllTime, type Claims, type Digest, isId, issuedAtOf, type TokenUse } from '../claims.ts';
import { forever } from '../cutoffs.ts';
import type { LifetimePolicy, Policy } from '../policy.ts';
import { foreignTypes, type JwtReading } from '../records/issuers.ts';
import { endBySignature, issuedFrom } from '../token-life.ts';
import { dayMs } from '../values/durations.ts';
import { hasExactNumbers } from '../values/json-values.ts';
import { isName } from '../values/printable.ts';
import { typeOf, type UntrustedJwt } from './jwt-shape.ts';
import { areAuthorizationDetails, isConfirmation, isScope } from './shown-members.ts';

export type JwtRefusal = 'wrong_type' | 'wrong_audience' | 'id_token' | 'malformed_claims' | 'missing_claims';

export type JwtRead =
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly why: JwtRefusal };

type Payload = UntrustedJwt['payload'];

/** A JWT with what its payload need not say: whose it is, and which key signed it. */
export interface SignedJwt extends UntrustedJwt {
  /** Of its whole string. */
  readonly digest: Digest;
  readonly issuer: string;
  /** Null: nothing proves its signature. */
  readonly keyThumbprint: string | null;
}

/** Thrown inside this file for a claim of the wrong type; never leaves it. */
class Malformed extends Error {}

/** Reads a JWT whose signature holds; or what one says, if nothing proves it. Never throws, whatever the payload holds. */
export function readJwtClaims(jwt: SignedJwt, reading: JwtReading, policy: Policy): JwtRead {
  const { header, payload } = jwt;
  const type = typeOf(header);
  if (type === undefined || foreignTypes.has(type) || !(type === '' || reading.types.includes(type)))
    return { ok: false, why: 'wrong_type' };
  const tokenUse = useOf(type, payload, reading);
  if (tokenUse === undefined) return { ok: false, why: 'id_token' };
  if (type === 'at+jwt' && !followsRfc9068(payload)) return { ok: false, why: 'missing_claims' };
  try {
    const claims = toClaims(jwt, reading, tokenUse, policy);
    const { audiences } = reading;
    // A token for this server itself lets its bearer call us.
    const accepted = [...audiences, policy.publicUrl];
    const isForUs = audiences.length === 0 || claims.audience.some((name) => accepted.includes(name));
    // Refresh tokens are for the issuer itself, and seldom name an audience.
    const mayNameNone = tokenUse === 'refresh_token' || reading.defaultAudience !== null;
    if (!isForUs && !(mayNameNone && claims.audience.length === 0))
      return { ok: false, why: 'wrong_audience' };
    return { ok: true, claims };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, why: 'malformed_claims' };
    throw error;
  }
}

const refreshMarkers = ['token_use', 'type', 'typ'] as const;
/** OpenID Connect Core §2, §3.3.2.11: claims that only ID tokens have. `events` belong to event tokens. */
const idTokenClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const;

function useOf(type: string, payload: Payload, { refreshMarker }: JwtReading): TokenUse | undefined {
  const says = (claim: string, word: string) => {
    const value = payload[claim];
    return typeof value === 'string' && value.toLowerCase() === word;
  };
  if (refreshMarker) {
    if (payload[refreshMarker.claim] === refreshMarker.value) return 'refresh_token';
  } else if (refreshMarkers.some((claim) => says(claim, 'refresh') || says(claim, 'refresh_token'))) {
    return 'refresh_token';
  }
  if (type === 'at+jwt') return 'access_token';
  const isIdToken = refreshMarkers.some((claim) => says(claim, 'id') || says(claim, 'id_token'));
  return isIdToken || idTokenClaims.some((claim) => claim in payload) ? undefined : 'access_token';
}

/** RFC 9068 §2.2: what an access token of type `at+jwt` must have. A user may be a number here as elsewhere. */
function followsRfc9068({ iss, exp, aud, sub, client_id, iat, jti }: Payload): boolean {
  const names = [aud].flat();
  return (
    [iss, client_id, jti].every((name) => typeof name === 'string' && name !== '') &&
    [exp, iat].every((time) => typeof time === 'number') &&
    (Number.isSafeInteger(sub) || (typeof sub === 'string' && sub !== '')) &&
    names.length > 0 &&
    names.every((name) => typeof name === 'string' && name !== '')
  );
}

function toClaims(
  { issuer, digest, signingInputDigest, keyThumbprint, payload }: SignedJwt,
  reading: JwtReading,
  tokenUse: TokenUse,
  policy: Policy,
): Claims {
  const { issuedAt, expiresAt } = readLife(payload, policy);
  const nbf = readTime(payload.nbf);
  // A token is not yet valid while its issue time is further ahead than clocks may differ. Without an issue time, the
  // earliest possible one counts: a whole lifetime before its end.
  const earliest = issuedFrom({ issuedAt, expiresAt }, policy) - policy.clockSkewMs;
  const notBefore = Math.max(nbf === null ? 0 : Math.ceil(nbf * 1000), earliest);
  const { user, client, session, grant } = reading.claims;
  return {
    issuer,
    digest,
    targetDigest: signingInputDigest,
    tokenUse,
    clientId: firstId(payload, client),
    subject: firstId(payload, user),
    grantId: firstId(payload, grant),
    sessionId: firstId(payload, session),
    jti: readId(payload.jti),
    keyThumbprint,
    issuedAt,
    expiresAt,
    notBefore: notBefore > 0 ? notBefore : null,
    audience: readAudience(payload.aud),
    members: shownMembers(payload, Math.floor(expiresAt / 1000)),
  };
}

/** A JWT ends at the latest when the longest lifetime is over, and so does one without `exp`. */
function readLife(
  payload: Payload,
  { lifetimeDaysMax }: LifetimePolicy,
): Pick<Claims, 'issuedAt' | 'expiresAt'> {
  const [iat, exp] = [readTime(payload.iat), readTime(payload.exp)];
  const issuedAt = iat === null ? beforeAllTime : Math.min(issuedAtOf(iat), forever);
  const lastEnd = iat === null && exp !== null ? forever : issuedAt + lifetimeDaysMax * dayMs;
  return { issuedAt, expiresAt: Math.min(exp === null ? lastEnd : Math.floor(exp * 1000), lastEnd) };
}

/** When a JWT would end if its signature were good, as `endBySignature` has it; null if its times could not be read. */
export function claimedEndOf({ payload }: UntrustedJwt, policy: LifetimePolicy): number | null {
  try {
    return endBySignature(readLife(payload, policy), policy);
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** A time, if present, must be a number (RFC 7519 §4.1.4 - §4.1.6): null does not make a token that never ends. */
function readTime(value: unknown): number | null {
  if (value === undefined) return null;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Malformed();
  return Math.min(Math.max(value, 0), forever / 1000);
}

/** Seconds since 1970, until the year 9999. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= forever / 1000;
}

function firstId(payload: Payload, names: readonly string[]): string | null {
  for (const name of names) {
    const id = Object.hasOwn(payload, name) ? readId(payload[name]) : null;
    if (id !== null) return id;
  }
  return null;
}

/** Numbers are ids too, but only those that JSON carries exactly: two users must not become one. */
function readId(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (Number.isSafeInteger(value)) return String(value);
  if (isId(value)) return value;
  throw new Malformed();
}

const audienceLengthMax = 512;

function isAudience(name: unknown): name is string {
  return isName(name, audienceLengthMax);
}

function readAudience(aud: unknown): string[] {
  if (aud === undefined || aud === null) return [];
  const names = Array.isArray(aud) ? aud : [aud];
  if (!names.every(isAudience)) throw new Malformed();
  return names;
}

/** What introspection shows of a JWT beside its ids: as signed, where it is well-formed. */
function shownMembers(payload: Payload, exp: number): Record<string, unknown> {
  const { scope, scp, username, cnf, authorization_details, acr, auth_time, iat, nbf, aud } = payload;
  // A key binding that cannot be read must not be dropped.
  if (cnf !== undefined && !isConfirmation(cnf)) throw new Malformed();
  const members: Record<string, unknown> = {
    scope: toScope(scope) ?? toScope(scp),
    username: isId(username) ? username : undefined,
    cnf,
    // With a number that we would round, they would grant something else.
    authorization_details:
      areAuthorizationDetails(authorization_details) && hasExactNumbers(authorization_details)
        ? authorization_details
        : undefined,
    acr: isId(acr) ? acr : undefined,
    auth_time: isTime(auth_time) ? auth_time : undefined,
    iat,
    nbf: isTime(nbf) ? nbf : undefined,
    aud: Array.isArray(aud) && aud.length === 0 ? undefined : (aud ?? undefined),
    exp,
  };
  const shown: Record<string, unknown> = {};
  for (const name of Object.keys(members)) if (members[name] !== undefined) shown[name] = members[name];
  return shown;
}

/** Some issuers write scopes as a list. */
function toScope(value: unknown): string | undefined {
  const text = Array.isArray(value) ? value.filter((item) => typeof item === 'string').join(' ') : value;
  // Some put extra spaces between them.
  const scope = typeof text === 'string' ? text.trim().replace(/ +/g, ' ') : undefined;
  return isScope(scope) ? scope : undefined;
}
