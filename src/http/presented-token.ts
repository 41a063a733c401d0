// A token as somebody presents it. What could not be a token is one that nobody knows; it is no error.
import { type Digest, digestOf } from '../domain/claims.ts';

export const tokenBytesMax = 16_384;

/** RFC 6749 appendix A.12: printable ASCII. */
const tokenSyntax = /^[\x20-\x7e]+$/;

/** Null for what is too long or of characters that no token has. */
export function digestOfPresented(presentedToken: string): Digest | null {
  if (presentedToken.length > tokenBytesMax || !tokenSyntax.test(presentedToken)) return null;
  return digestOf(presentedToken);
}
