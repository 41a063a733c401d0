// What commands print: an object of the API as JSON for programs, or as text for people, a line per member and members of
// a nested object as `name.member`.
import { isObject } from '../domain/values/json-values.ts';

export function printer(process: NodeJS.Process) {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  return {
    say,
    show: (wire: object, json?: boolean) => say(json ? JSON.stringify(wire) : toLines(wire)),
    /** Shows a client with its new secret, if it has one, which is never shown again. */
    showOnce: (wire: Record<string, unknown>, json?: boolean) => {
      const isSecret = 'client_secret' in wire;
      const text = isSecret ? `${toLines(wire)}\n\n${shownOnce}` : toLines(wire);
      process.stdout.write(`${json ? JSON.stringify(wire) : text}\n`, (error) => {
        if (!error || !isSecret) return;
        process.exitCode = 1;
        process.stderr.write(
          `The secret is lost, and the client exists; \`client rotate-secret ${wire.client_id}\` gives it another.\n`,
        );
      });
    },
  };
}

const shownOnce = 'The secret is shown this once; keep it where secrets are kept.';

/**
 * Lines of `name value`, names padded to the longest. A list of single words takes one line, any other a line per
 * item.
 */
function toLines(object: object): string {
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
