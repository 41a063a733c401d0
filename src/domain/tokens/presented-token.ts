// A token as somebody presents it. Text that could not be a token is treated as an unknown token, not as an error.

export const tokenBytesMax = 16_384;

/** RFC 6749 appendix A.12: printable ASCII. */
export const tokenSyntax = /^[\x20-\x7e]+$/;

/** False for text that is too long or has characters that no token has. */
export function couldBeToken(text: string): boolean {
  return text.length <= tokenBytesMax && tokenSyntax.test(text);
}
