// Makes free text from strangers (reasons, user agents) fit for the audit trail and for answers: no control
// characters, nothing shaped like a token, a bounded length.

const controlCharacters = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;
const tokenShaped = /[A-Za-z0-9_-]{16,}/g;

/** Long runs that mix letters with digits, or upper with lower case, could be a token; long words are not. */
function looksRandom(run: string): boolean {
  return (/\d/.test(run) && /[A-Za-z]/.test(run)) || (/[a-z]/.test(run) && /[A-Z]/.test(run.slice(1)));
}

/**
 * Makes free text safe to keep. `presented`: secrets of the current request, which are removed whatever they look
 * like. Returns null when nothing is left.
 */
export function plainText(text: string, lengthMax: number, presented: readonly string[] = []): string | null {
  let plain = text;
  for (const secret of presented) if (secret !== '') plain = plain.replaceAll(secret, '[removed]');
  plain = plain
    .replace(controlCharacters, ' ')
    .replace(tokenShaped, (run) => (looksRandom(run) ? '[removed]' : run))
    .trim();
  return plain === '' ? null : plain.slice(0, lengthMax).toWellFormed();
}

export const reasonTextMax = 200;
export const userAgentMax = 256;
