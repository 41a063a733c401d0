// What several commands do with their options.
import { readFile } from 'node:fs/promises';
import { Refusal } from '../http/refusal.ts';

/** An option may be given several times, and may list several values with commas. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, ...value.split(',')];
}

export function withoutAbsent(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export async function readJwksFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new Refusal('invalid_request', 'The file of --jwks-file cannot be read, or is not JSON.');
  }
}
