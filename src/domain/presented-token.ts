// A token as somebody presents it. What could not be a token is one that nobody knows; it is no error.

export const tokenBytesMax = 16_384;

/** RFC 6749 appendix A.12: printable ASCII. */
const tokenSyntax = /^[\x20-\x7e]+$/;

/** False for what is too long or of characters that no token has. */
export function couldBeToken(text: string): boolean {
  return text.length <= tokenBytesMax && tokenSyntax.test(text);
}
