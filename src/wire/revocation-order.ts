// From the body of a revocation to an order of the domain: which target it names, and to whom that belongs.
import type { Origin } from '../domain/audit.ts';
import { digestOf, type RegisteredToken } from '../domain/claims.ts';
import { type Cause, type Restriction, unrestricted } from '../domain/cutoffs.ts';
import type { Policy } from '../domain/policy.ts';
import { isCallerReason, isReason } from '../domain/reasons.ts';
import { orderOf, type RevokeOrder } from '../domain/revoke/revoke-target.ts';
import type { Store } from '../domain/store.ts';
import type { Target } from '../domain/targets.ts';
import { endByRegistration } from '../domain/token-life.ts';
import { claimedEndOf } from '../domain/tokens/jwt-claims.ts';
import { parseJwt, type UntrustedJwt } from '../domain/tokens/jwt-shape.ts';
import { plainText, reasonTextMax } from '../domain/values/plain-text.ts';
import { badParameter, missingParameter } from './refusal.ts';
import type { RevocationBody, TargetBody } from './revocations.ts';

export interface ReadOrder {
  readonly order: RevokeOrder;
  /** The issuers that own the target; the caller must reach all of them. */
  readonly owners: readonly string[];
  /** What the caller may type out to confirm. */
  readonly typedIds: readonly string[];
}

/**
 * From the body of POST /v1/revocations. `secrets` of the request are kept out of the free text.
 * @throws Refusal `invalid_request`, which names the member.
 */
export async function readOrder(
  store: Store,
  policy: Policy,
  body: RevocationBody,
  origin: Origin,
  secrets: readonly string[] = [],
): Promise<ReadOrder> {
  const presented = body.target.kind === 'token' ? [body.target.token ?? '', ...secrets] : secrets;
  const resolved = await resolveTarget(store, policy, body.target);
  const { target, owners = [target.issuer], typedIds, ...found } = resolved;
  const isCode = isReason(body.reason);
  if (isCode && !isCallerReason(body.reason, 'operators'))
    throw badParameter('reason', 'is one that only the server gives');
  const texts = [isCode ? '' : body.reason, body.reason_text ?? ''].filter((text) => text !== '');
  const cause: Cause = {
    reason: isCallerReason(body.reason, 'operators') ? body.reason : 'admin',
    reasonText: plainText(texts.join('; '), reasonTextMax, presented),
    origin,
  };
  const order = orderOf(target, cause, 'bulk_revoke', { cutoff: body.cutoff ?? null, ...found });
  return { order, owners, typedIds };
}

interface Resolved extends Partial<Pick<RevokeOrder, 'further' | 'only' | 'end' | 'signedEnd'>> {
  readonly target: Target;
  /** By default the issuer of the target. */
  readonly owners?: readonly string[];
  readonly typedIds: readonly string[];
}

async function resolveTarget(store: Store, policy: Policy, body: TargetBody): Promise<Resolved> {
  switch (body.kind) {
    case 'token':
      return resolveToken(store, policy, body);
    case 'key':
      return resolveKey(store, body, body.issuer ?? policy.publicUrl);
    default: {
      const target = { kind: body.kind, issuer: body.issuer ?? policy.publicUrl, id: idIn(body) };
      const typedIds = [target.kind === 'issuer' ? target.issuer : target.id];
      return { target, only: restrictionIn(body), typedIds };
    }
  }
}

/** The id in a target that its body names in full; tokens and keys must be looked up first. */
function idIn(body: Exclude<TargetBody, { kind: 'token' | 'key' }>): string {
  switch (body.kind) {
    case 'jti':
      return body.jti;
    case 'grant':
      return body.grant_id;
    case 'session':
      return body.session_id;
    case 'subject':
      return body.sub;
    case 'client':
      return body.client_id;
    case 'issuer':
      return '';
    default:
      return body satisfies never;
  }
}

function restrictionIn(body: TargetBody): Restriction {
  if (body.kind !== 'subject') return unrestricted;
  return { clientId: body.client_id ?? null, tokenUse: body.token_use ?? null, keepsOffline: false };
}

/** A kid stands for every key that its issuer has ever named so, as it is unknown which of them leaked. */
async function resolveKey(
  store: Store,
  { kid, thumbprint }: Extract<TargetBody, { kind: 'key' }>,
  issuer: string,
): Promise<Resolved> {
  if (kid !== undefined && thumbprint !== undefined)
    throw badParameter('target', 'has a kid and a thumbprint');
  const given = kid ?? thumbprint;
  if (given === undefined) throw missingParameter('target.thumbprint');
  const named = kid === undefined ? [given] : await store.ask((facts) => facts.thumbprints(issuer, kid));
  const [target, ...further] = named.map((id): Target => ({ kind: 'key', issuer, id }));
  if (!target) throw badParameter('target', 'names a kid that this issuer has never used; give a thumbprint');
  return { target, further, typedIds: [given] };
}

/** A JWT is named by what its signature covers, and also by its registration if that differs. */
async function resolveToken(
  store: Store,
  policy: Policy,
  { token, token_digest }: Extract<TargetBody, { kind: 'token' }>,
): Promise<Resolved> {
  if (token !== undefined && token_digest !== undefined)
    throw badParameter('target', 'has a token and a token_digest');
  const digest = token === undefined ? token_digest : digestOf(token);
  if (digest === undefined) throw missingParameter('target.token');
  const jwt = token === undefined ? undefined : parseJwt(token);
  const [byString, bySignature] = await store.ask((facts) =>
    facts.together(
      () => facts.token(digest),
      () => jwt && facts.jwt(jwt.signingInputDigest),
    ),
  );
  const id = jwt?.signingInputDigest ?? byString?.targetDigest ?? digest;
  const ids = new Set([id, byString?.targetDigest ?? id]);
  const [target, ...further] = [...ids].map((each): Target => ({ kind: 'token', issuer: '', id: each }));
  // A digest alone may be a JWT's, whatever was registered: its end is then unknown.
  const registered = [byString, bySignature].filter((found) => found !== undefined);
  const ends = token === undefined ? [] : registered.map(endByRegistration);
  return {
    target: target as Target,
    further,
    end: ends.length > 0 ? Math.max(...ends) : null,
    signedEnd: jwt ? claimedEndOf(jwt, policy) : null,
    owners: ownersOf(registered, jwt),
    typedIds: [],
  };
}

const nobody = '';

/** The issuers of its registrations, and the one that a JWT names: no other can have signed it. */
function ownersOf(registered: readonly RegisteredToken[], jwt: UntrustedJwt | undefined): string[] {
  const owners = new Set(registered.map(({ issuer }) => issuer));
  if (typeof jwt?.payload.iss === 'string') owners.add(jwt.payload.iss);
  return owners.size === 0 ? [nobody] : [...owners];
}
