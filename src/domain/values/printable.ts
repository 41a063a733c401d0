// What ids and names are written with, wherever they come from: no control characters (Postgres stores no NUL) and no
// halves of surrogate pairs. Their length is counted in characters, as JSON Schema demands: one beyond U+FFFF is two
// units of a JavaScript string.

export const printable = /^[^\p{Cc}\p{Cs}]*$/u;

export function isPrintable(text: string): boolean {
  return printable.test(text);
}

export function isLongerThan(text: string, charactersMax: number): boolean {
  return text.length > charactersMax && [...text].length > charactersMax;
}

/** Is it text of 1 to `charactersMax` printable characters? */
export function isName(value: unknown, charactersMax: number): value is string {
  return (
    typeof value === 'string' && value !== '' && !isLongerThan(value, charactersMax) && isPrintable(value)
  );
}
