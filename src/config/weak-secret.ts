// Which signing secrets are easy to guess: short ones, samples from tutorials, and runs of neighbouring characters.

const bytesMin = 32;
/** A secret needs this many characters that do not follow from those before them. */
const surprisesMin = 12;
const alphabetMin = 8;
/** Only this many characters are examined. */
const lengthMax = 512;

/** Words that the sample secrets of tutorials and tools consist of. */
const sampleWords =
  `an and at be bit bits byte bytes change changeme changethis char characters chars default dev
  development do enough environment example for from here hmac hs in is it json jwt key keyboard cat least length
  long longer made me min minimum must my new not of or password please private prod production qwerty qwertyuiop
  asdfgh asdfghjkl zxcvbn zxcvbnm random replace safe sample secret secretkey secure shhh should sign signing
  something string strong super supersecret supersecretkey test than that the this to token use value very web with
  you your`
    .split(/\s+/)
    .sort((one, other) => other.length - one.length);
const samples = new RegExp(sampleWords.join('|'), 'g');

export const makeRandom = 'Give it at least 32 random bytes: openssl rand -base64 48.';

export function isShort(secret: string): boolean {
  return Buffer.byteLength(secret) < bytesMin;
}

/** Why a secret is weak; undefined if it is not. */
export function weaknessOf(secret: string): string | undefined {
  if (isShort(secret)) return `is under ${bytesMin} bytes`;
  const once = secret.slice(0, lengthMax).replace(/(.+?)\1+/gs, '$1');
  const rest = once.toLowerCase().replace(samples, '-');
  let surprises = 0;
  for (let n = 0; n < rest.length; n++)
    if (n === 0 || Math.abs(rest.charCodeAt(n) - rest.charCodeAt(n - 1)) > 1) surprises++;
  return surprises < surprisesMin || new Set(secret).size < alphabetMin ? 'is easy to guess' : undefined;
}
