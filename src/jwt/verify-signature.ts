// One signature under one key. Header members that change what is signed or demand to be understood are
// refused: we understand none of them (RFC 7515 §4.1.11, RFC 7797). Keys named by the header itself (`jku`,
// `jwk`, `x5c`) are ignored: keys come from the issuer's record only.
import { type CryptoKey, compactVerify } from 'jose';
import type { UntrustedJwt } from '../domain/jwt-shape.ts';

const changingMembers = ['crit', 'b64', 'zip'] as const;

export function hasBadMembers(header: UntrustedJwt['header']): boolean {
  const hasBadKid = header.kid !== undefined && typeof header.kid !== 'string';
  return hasBadKid || changingMembers.some((member) => member in header);
}

export async function isSignedBy(
  presentedToken: string,
  key: CryptoKey | Uint8Array,
  alg: string,
): Promise<boolean> {
  await endOfTurn();
  try {
    await compactVerify(presentedToken, key, { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

let gathering: Promise<void> | undefined;

/**
 * Signatures are verified on other threads, and to wake one costs more than half a verification: those that are
 * asked for in one turn of the event loop are handed over together.
 */
function endOfTurn(): Promise<void> {
  gathering ??= new Promise((resolve) =>
    setImmediate(() => {
      gathering = undefined;
      resolve();
    }),
  );
  return gathering;
}
