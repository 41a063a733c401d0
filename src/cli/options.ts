// What options of several commands have in common: lists, numbers, ids of events, patches, and files of JSON.
import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { parseUnambiguous } from '../domain/values/json-values.ts';
import { Refusal } from '../wire/refusal.ts';

/** An option may be given several times, and may list several values with commas. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, ...value.split(',')];
}

export function toInteger(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}

export function toEventId(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give the id of an event.');
  return Number(text);
}

/**
 * A merge patch (RFC 7396) of what the options say. A member that is given takes the place of its `alternatives`, and
 * the members to `unset` are taken away.
 */
export function patchOf(
  members: Record<string, unknown>,
  alternatives: readonly (readonly string[])[],
  unset: readonly string[] = [],
): Record<string, unknown> {
  const others = alternatives
    .filter((names) => names.some((name) => name in members))
    .flatMap((names) => names.filter((name) => !(name in members)));
  const patch = { ...members, ...Object.fromEntries([...others, ...unset].map((name) => [name, null])) };
  if (Object.keys(patch).length === 0)
    throw new Refusal('invalid_request', 'Nothing to change is named; --help lists what can be.');
  return patch;
}

/**
 * The JSON in the file that `option` names. The parser's own error is not shown, as it would repeat some of the file.
 */
export async function readJsonFile(option: string, path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new Refusal(
      'invalid_request',
      `The file of ${option} ${fileProblems[code ?? ''] ?? 'cannot be read'}.`,
    );
  });
  let value: unknown;
  try {
    value = parseUnambiguous(text);
  } catch {
    throw new Refusal('invalid_request', `The file of ${option} is not JSON.`);
  }
  if (value !== undefined) return value;
  throw new Refusal('invalid_request', `The file of ${option} names a member of an object twice.`);
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder',
};
