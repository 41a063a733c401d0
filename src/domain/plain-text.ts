// Makes free text from strangers (reasons, user agents) fit for the audit trail and for answers: no control
// characters, nothing shaped like a token, a bounded length.

const controlCharacters = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;
/** What tokens are written with (RFC 6750 §2.1), so that of a JWT no part stays. */
const tokenShaped = /[A-Za-z0-9._~+/=-]{16,}/g;
const unbroken = /[A-Za-z0-9_-]{16,}/g;
/** Base64 is broken by + and /, as paths are, which have dots or are of one case. */
const base64LengthMin = 24;

function couldBeSecret(run: string): boolean {
  const isMixed = [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run));
  if (run.length >= base64LengthMin && isMixed && !run.includes('.')) return true;
  return (run.match(unbroken) ?? []).some(looksRandom);
}

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
    .replace(tokenShaped, (run) => (couldBeSecret(run) ? '[removed]' : run))
    .trim();
  return plain === '' ? null : plain.slice(0, lengthMax).toWellFormed();
}

export const reasonTextMax = 200;
export const userAgentMax = 256;
