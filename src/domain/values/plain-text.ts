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

/** For each character that may be kept of a text this many are read, however much more its sender wrote. */
const readPerKept = 4;

/** A text that repeats more secrets is dropped: each is looked for at every place, and a header may hold hundreds. */
const repeatedMax = 16;

/** Is this secret, or its beginning, in what `plainText` reads of a text? */
export function couldShow(text: string, lengthMax: number, secret: string): boolean {
  return text.slice(0, readPerKept * lengthMax + secret.length).includes(secret);
}

/** The first characters of a text, without the beginning of a secret that was cut off with the rest. */
function beginningOf(text: string, lengthMax: number, secrets: readonly string[]): string {
  const read = text.slice(0, lengthMax);
  if (text.length <= lengthMax) return read;
  const cut = Math.max(0, ...secrets.map((secret) => lengthOfBeginning(read, secret)));
  return read.slice(0, read.length - cut);
}

/**
 * Replaces each stretch of secrets. All are looked for in the text as it came: what is put in the place of one must
 * neither be taken for another nor hide it.
 */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const isSecret = new Uint8Array(text.length);
  const mark = (at: number, length: number) => isSecret.fill(1, at, at + length);
  const markShaped = (rest: string) => {
    for (const { 0: run, index } of rest.matchAll(tokenShaped))
      if (couldBeSecret(run)) mark(index, run.length);
  };
  markShaped(text);
  const found = secrets.filter((secret) => secret !== '' && text.includes(secret));
  if (found.length > repeatedMax) return '';
  for (const secret of found)
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) mark(at, secret.length);
  // What is left beside a secret may be shaped like a token only without it.
  if (found.length > 0) markShaped(Array.from(isSecret, (marked, at) => (marked ? ' ' : text[at])).join(''));
  let plain = '';
  for (let at = 0; at < text.length; at++) {
    if (!isSecret[at]) plain += text[at];
    else if (!isSecret[at - 1]) plain += '[removed]';
  }
  return plain;
}

/** How many characters at the end of the text are the beginning of a secret, which was cut off with the text. */
function lengthOfBeginning(text: string, secret: string): number {
  let length = Math.min(text.length, secret.length);
  while (!text.endsWith(secret.slice(0, length))) length -= 1;
  return length;
}

/**
 * Makes free text safe to keep. `presented`: secrets of the current request, which are removed whatever they look
 * like. Returns null when nothing is left.
 */
export function plainText(text: string, lengthMax: number, presented: readonly string[] = []): string | null {
  const read = beginningOf(text, readPerKept * lengthMax, presented);
  const plain = withoutSecrets(read, presented).replace(controlCharacters, ' ').trim();
  return plain === '' ? null : plain.slice(0, lengthMax).toWellFormed();
}

export const reasonTextMax = 200;
export const userAgentMax = 256;
