// An object of the API as text for people: a line per member, members of a nested object as `name.member`.
import { isObject } from '../domain/values/json-values.ts';

/**
 * Lines of `name value`, names padded to the longest. A list of single words takes one line, any other a line per
 * item.
 */
export function toLines(object: object): string {
  const lines = linesOf(object, '');
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`).join('\n');
}

type Line = readonly [name: string, text: string];

function linesOf(object: object, prefix: string): Line[] {
  return Object.entries(object).flatMap(([member, value]: [string, unknown]): Line[] => {
    const name = `${prefix}${member}`;
    if (Array.isArray(value)) {
      const texts = value.map(textOf);
      const areWords = texts.every((text) => !text.includes(' '));
      return areWords
        ? [[name, texts.join(' ') || 'none']]
        : texts.map((text, n) => [n === 0 ? name : '', text]);
    }
    return isObject(value) && prefix === '' ? linesOf(value, `${name}.`) : [[name, textOf(value)]];
  });
}

function textOf(value: unknown): string {
  if (value === null) return 'none';
  if (!isObject(value)) return String(value);
  return Object.entries(value)
    .map(([name, member]) => `${name} ${textOf(member)}`)
    .join(', ');
}
