// What several commands do with their options.
import { readFile } from 'node:fs/promises';
import { Refusal } from '../wire/refusal.ts';

/** An option may be given several times, and may list several values with commas. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, ...value.split(',')];
}

export function withoutAbsent(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
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
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('invalid_request', `The file of ${option} is not JSON.`);
  }
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder',
};
