// The names under which a token can be killed, read off its claims. A target is a kind and an id within
// an issuer; its key is how storage and comparisons name it.
import { hash } from 'node:crypto';
import { type Claims, isJwt } from './claims.ts';

export const targetKinds = [
  'token',
  'jti',
  'grant',
  'session',
  'key',
  'subject',
  'client',
  'issuer',
] as const;
export type TargetKind = (typeof targetKinds)[number];

export interface Target {
  readonly kind: TargetKind;
  /** Empty for kind `token`, whose id is unique everywhere; `everyIssuer` for the name in all of them. */
  readonly issuer: string;
  /** Empty for kind `issuer`. */
  readonly id: string;
}

/** The issuer of a target that is meant in every issuer. */
export const everyIssuer = '*';

/** First 16 bytes, as 32 hex digits, of SHA-256 over kind, issuer and id. */
export type TargetKey = string;

const cutoffKinds: ReadonlySet<TargetKind> = new Set(['subject', 'client', 'issuer']);

/**
 * Is a revocation of this target final? Then it kills every token that bears the name, whatever its issue time.
 * Grants and sessions are not final if their issuer reuses such ids.
 */
export function isFinal({ kind }: Target, reusesIds: boolean): boolean {
  const isReused = reusesIds && (kind === 'grant' || kind === 'session');
  return !cutoffKinds.has(kind) && !isReused;
}

/** 32 hex digits: the same for the same kind, issuer and id, and for no others. */
export function targetKey(target: Target): TargetKey {
  return hash('sha256', `${target.kind}\0${target.issuer}\0${target.id}`, 'hex').slice(0, 32);
}

export function tokenTarget(claims: Claims): Target {
  return { kind: 'token', issuer: '', id: claims.targetDigest };
}

export function sessionTarget({ issuer, sessionId }: { issuer: string; sessionId: string }): Target {
  return { kind: 'session', issuer, id: sessionId };
}

const namedKinds = ['jti', 'grant', 'session', 'key', 'subject', 'client', 'issuer'] as const;
type NamedKind = (typeof namedKinds)[number];

const idOf: Readonly<Record<NamedKind, (claims: Claims) => string | null>> = {
  jti: ({ jti }) => jti,
  grant: ({ grantId }) => grantId,
  session: ({ sessionId }) => sessionId,
  key: ({ keyThumbprint }) => keyThumbprint,
  subject: ({ subject }) => subject,
  client: ({ clientId }) => clientId,
  issuer: () => '',
};

/** The target of this kind that the token bears, if it has such a name. */
export function targetOf(claims: Claims, kind: NamedKind): Target | undefined {
  const id = idOf[kind](claims);
  return id === null ? undefined : { kind, issuer: claims.issuer, id };
}

const allKinds: ReadonlySet<TargetKind> = new Set(targetKinds);

/**
 * The token's targets of these kinds: at most nine, its own first. A JWT is also named by the digest of its whole
 * string, as presented: a caller with only a digest may not know that it is a JWT's.
 */
export function targetsOf(claims: Claims, kinds = allKinds): Target[] {
  const targets: Target[] = [];
  if (kinds.has('token')) targets.push(tokenTarget(claims));
  if (kinds.has('token') && isJwt(claims)) targets.push({ kind: 'token', issuer: '', id: claims.digest });
  for (const kind of namedKinds) {
    const target = kinds.has(kind) ? targetOf(claims, kind) : undefined;
    if (target) targets.push(target);
  }
  return targets;
}

/** The token's names of these kinds, as a revocation in every issuer names them. */
export function targetsEverywhere(claims: Claims, kinds: ReadonlySet<TargetKind>): Target[] {
  if (kinds.size === 0) return [];
  const named = targetsOf(claims, kinds).filter(({ kind }) => kind !== 'token');
  return named.map((target) => ({ ...target, issuer: everyIssuer }));
}

/** What logging out the `others` spares: the token's session, else its grant, else itself. */
export function unitOf(claims: Claims): Target {
  return targetOf(claims, 'session') ?? targetOf(claims, 'grant') ?? tokenTarget(claims);
}
