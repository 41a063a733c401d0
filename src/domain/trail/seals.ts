// Seals: signed statements over ranges of the audit trail, each chained to the one before. A seal is a JWT
// of a type and a key of its own. Beside the Merkle root it bears a mark per event (the first four bytes of
// its leaf): the root proves that the range is whole, the marks say where it is not.
import { hash } from 'node:crypto';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWK, jwtVerify, SignJWT } from 'jose';
import { rootOf } from './merkle.ts';

const sealType = 'audit-seal+jwt';
const algorithm = 'EdDSA';
const markBytes = 4;
/** Events under one seal at most; a longer tail gets several seals. */
export const sealEventsMax = 1024;

export interface Seal {
  /** Dense, from 1. */
  readonly number: number;
  /** The range of event sequence numbers, both included. */
  readonly first: number;
  readonly last: number;
  /** base64url of the Merkle root over the leaves of the range. */
  readonly root: string;
  /** Hash of the seal before; null for the first. */
  readonly previous: string | null;
  /** Time of sealing, seconds. */
  readonly sealedAt: number;
  readonly marks: Buffer;
  /** The signed form: this, and nothing else, is what proves. */
  readonly jws: string;
}

/** How the next seal names this one. */
export function sealHash(jws: string): string {
  return hash('sha256', jws, 'base64url');
}

export function markOf(leaf: Buffer): number {
  return leaf.readUInt32BE(0);
}

/** The mark of an event in its seal's range. */
export function markAt(seal: Seal, seq: number): number {
  return seal.marks.readUInt32BE((seq - seal.first) * markBytes);
}

/** Signs the events that follow `previous`, given by their leaves in order. */
export async function makeSeal(
  previous: Pick<Seal, 'number' | 'last' | 'jws'> | undefined,
  leaves: readonly Buffer[],
  issuer: string,
  key: JWK,
  now: number,
): Promise<Seal> {
  const number = (previous?.number ?? 0) + 1;
  const first = (previous?.last ?? 0) + 1;
  const last = first + leaves.length - 1;
  const root = rootOf(leaves).toString('base64url');
  const previousHash = previous ? sealHash(previous.jws) : null;
  const marks = Buffer.concat(leaves.map((leaf) => leaf.subarray(0, markBytes)));
  const sealedAt = Math.floor(now / 1000);
  const claims = {
    seal: number,
    first,
    last,
    root,
    previous: previousHash,
    marks: marks.toString('base64url'),
  };
  const jws = await new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, typ: sealType, kid: key.kid ?? '' })
    .setIssuer(issuer)
    .setIssuedAt(sealedAt)
    .sign(key);
  return { number, first, last, root, previous: previousHash, sealedAt, marks, jws };
}

export type ReadSeal = (jws: string) => Promise<Seal | { readonly problem: string }>;

/** Reads seals that one of these public keys has signed. */
export function sealReader(keys: JSONWebKeySet): ReadSeal {
  const keySet = createLocalJWKSet(keys);
  return async (jws) => {
    try {
      const { payload } = await jwtVerify(jws, keySet, { typ: sealType, algorithms: [algorithm] });
      return toSeal(jws, payload) ?? { problem: 'it does not say what a seal says' };
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return { problem: 'none of the keys has signed it' };
      if (error instanceof errors.JOSEError) return { problem: 'its signature or its form is wrong' };
      throw error;
    }
  };
}

function toSeal(jws: string, claims: Record<string, unknown>): Seal | undefined {
  const { seal, first, last, root, previous, iat } = claims;
  const numbers = [seal, first, last, iat];
  if (!numbers.every((value) => Number.isSafeInteger(value)) || typeof root !== 'string') return undefined;
  if (previous !== null && typeof previous !== 'string') return undefined;
  const marks = Buffer.from(String(claims.marks), 'base64url');
  const [number, from, to, sealedAt] = numbers as [number, number, number, number];
  if (from > to || marks.length !== (to - from + 1) * markBytes) return undefined;
  return { number, first: from, last: to, root, previous, sealedAt, marks, jws };
}
