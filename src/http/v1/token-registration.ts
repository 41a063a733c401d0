// The body of POST /v1/tokens, from JSON to a registration of the domain.
import { z } from 'zod';
import { digestOf } from '../../domain/claims.ts';
import { forever } from '../../domain/cutoffs.ts';
import type { Policy } from '../../domain/policy.ts';
import { type Client, issuersOf } from '../../domain/records/clients.ts';
import type { Registration } from '../../domain/register/registration.ts';
import { claimedEndOf } from '../../domain/tokens/jwt-claims.ts';
import { parseJwt, type UntrustedJwt } from '../../domain/tokens/jwt-shape.ts';
import { areAuthorizationDetails, isConfirmation, isScope } from '../../domain/tokens/shown-members.ts';
import { opaque } from '../../domain/tokens/token-verifier.ts';
import { plainText, userAgentMax } from '../../domain/values/plain-text.ts';
import { check } from '../../wire/check.ts';
import {
  audience,
  boundedJson,
  clientIdentifier,
  digest,
  identifier,
  ipAddress,
  issuerName,
  line,
  list,
  token,
  userIdentifier,
} from '../../wire/members.ts';
import { badParameter, missingParameter, Refusal } from '../../wire/refusal.ts';

const scopeLengthMax = 4096;
const jsonBytesMax = 8192;
const jsonDepthMax = 8;
const secondsMax = Math.floor(forever / 1000);

const seconds = z.number().min(0).max(secondsMax);
/** Accepts milliseconds as well, so that the rules of registration can explain the mistake. */
const secondsOrMs = z
  .number()
  .min(0)
  .max(secondsMax * 1000);

const body = z.strictObject({
  token: token.optional(),
  token_digest: digest.optional(),
  signing_input_digest: digest.optional(),
  token_use: z.enum(['access_token', 'refresh_token']),
  client_id: clientIdentifier,
  sub: userIdentifier.optional(),
  iat: secondsOrMs,
  exp: secondsOrMs,
  nbf: seconds.optional(),
  grant_id: identifier.optional(),
  session_id: identifier.optional(),
  scope: line(scopeLengthMax).refine(isScope, 'must be scope tokens, one space between them').optional(),
  aud: audience.optional(),
  iss: issuerName().optional(),
  jti: identifier.optional(),
  username: identifier.optional(),
  token_type: line(64).optional(),
  cnf: boundedJson(
    z.record(z.string(), z.unknown()).refine(isConfirmation, 'is empty'),
    jsonBytesMax,
    jsonDepthMax,
  ).optional(),
  authorization_details: boundedJson(
    list(z.record(z.string(), z.unknown())).refine(areAuthorizationDetails, 'must each have a type'),
    jsonBytesMax,
    jsonDepthMax,
  ).optional(),
  acr: identifier.optional(),
  auth_time: seconds.optional(),
  user_agent: z.string().max(4096).optional(),
  ip: ipAddress.optional(),
  replaces: token.optional(),
  replaces_digest: digest.optional(),
});

/**
 * What the issuer said; no signature is looked at yet, so every token counts as opaque. Throws a refusal that names the
 * member.
 */
export function readRegistration(value: unknown, registrar: Client, policy: Policy): Registration {
  const said = check(body, value);
  const digests = demandConsistent(said);
  const issuer = said.iss ?? policy.publicUrl;
  if (!issuersOf(registrar, policy).includes(issuer)) {
    const message = 'iss, by default PUBLIC_URL, is not among the issuers of this client';
    throw new Refusal('issuer_not_allowed', message, { parameters: [{ parameter: 'iss', message }] });
  }
  return toRegistration(said, digests, issuer, policy);
}

type Said = z.output<typeof body>;

interface Digests {
  readonly ownDigest: string;
  readonly replacesDigest: string | null;
}

/** All other members are stored as they are given. */
const notStoredAsGiven: ReadonlySet<string> = new Set(['token', 'replaces', 'token_use', 'user_agent']);

/** Throws a refusal where its members contradict each other. */
function demandConsistent(said: Said): Digests {
  const ownDigest = oneOf('token', said.token && digestOf(said.token), 'token_digest', said.token_digest);
  if (ownDigest === null) throw missingParameter('token');
  const replacesDigest = oneOf(
    'replaces',
    said.replaces && digestOf(said.replaces),
    'replaces_digest',
    said.replaces_digest,
  );
  if (replacesDigest === ownDigest) throw badParameter('replaces', 'is the token itself');
  if (replacesDigest !== null && said.token_use !== 'refresh_token') {
    throw badParameter('replaces', 'goes with refresh tokens only');
  }
  if (said.exp < said.iat) throw badParameter('exp', 'is before iat');
  const tokens = [said.token, said.replaces].filter((given) => given !== undefined);
  for (const name in said)
    if (!notStoredAsGiven.has(name) && holdsAny(said[name as keyof Said], tokens))
      throw badParameter(name, 'is the token itself, which is never stored');
  return { ownDigest, replacesDigest };
}

/** Is a member one of the tokens; or does it hold one, in a list or as a name or value in an object? */
function holdsAny(member: unknown, tokens: readonly string[]): boolean {
  if (typeof member === 'string') return tokens.includes(member);
  if (typeof member !== 'object' || member === null) return false;
  const held = Array.isArray(member) ? member : Object.entries(member).flat();
  return held.some((one) => holdsAny(one, tokens));
}

function toRegistration(
  said: Said,
  { ownDigest, replacesDigest }: Digests,
  issuer: string,
  policy: Policy,
): Registration {
  const jwt = said.token === undefined ? undefined : parseJwt(said.token);
  const presented = [said.token ?? '', said.replaces ?? ''];
  return {
    digest: ownDigest,
    targetDigest: signingInputDigestOf(said, jwt) ?? ownDigest,
    tokenUse: said.token_use,
    issuer,
    clientId: said.client_id,
    subject: said.sub ?? null,
    grantId: said.grant_id ?? null,
    sessionId: said.session_id ?? null,
    jti: said.jti ?? null,
    iat: said.iat,
    exp: said.exp,
    nbf: said.nbf ?? null,
    verification: opaque,
    signedEnd: jwt ? claimedEndOf(jwt, policy) : null,
    audience: said.aud === undefined ? [] : [said.aud].flat(),
    members: membersOf(said),
    replacesDigest,
    replacesVerification: opaque,
    userAgent: plainText(said.user_agent ?? '', userAgentMax, presented),
    ip: said.ip ?? null,
  };
}

const memberNames = [
  'scope',
  'username',
  'token_type',
  'cnf',
  'authorization_details',
  'acr',
  'auth_time',
  'aud',
  'nbf',
] as const;

/** What introspection shows as it was given. */
function membersOf(said: Said): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const name of memberNames) if (said[name] !== undefined) members[name] = said[name];
  return members;
}

/** Computed for a token given in full; otherwise as given. */
function signingInputDigestOf(
  { token, signing_input_digest: given }: Said,
  jwt: UntrustedJwt | undefined,
): string | undefined {
  const own = jwt?.signingInputDigest ?? (token && digestOf(token));
  if (own !== undefined && given !== undefined && given !== own)
    throw badParameter('signing_input_digest', 'is not that of the token');
  return own ?? given;
}

function oneOf(
  name: string,
  value: string | undefined,
  otherName: string,
  other: string | undefined,
): string | null {
  if (value !== undefined && other !== undefined)
    throw badParameter(otherName, `is given, and so is ${name}`);
  return value ?? other ?? null;
}
