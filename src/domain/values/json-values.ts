// What a value that was read as JSON is.
import { isDeepStrictEqual } from 'node:util';

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses JSON; undefined if an object names a member twice: other readers may take the other value. */
export function parseUnambiguous(json: string): unknown {
  const value: unknown = JSON.parse(json);
  const again = JSON.stringify(value);
  return again === json || countNames(again) === countNames(json) ? value : undefined;
}

/** Of valid JSON: outside of strings, a colon follows each name, and nothing else. */
function countNames(json: string): number {
  return json.replace(/"(?:[^"\\]+|\\.)*"/g, '').split(':').length - 1;
}

/** Without members that are undefined or null. */
export function withoutAbsent(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** Are objects and arrays nested at most `depth` deep? */
export function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isShallow(member, depth - 1));
}

/** Would the value, written as JSON again, show the same numbers? Not if one is beyond what a double holds exactly. */
export function hasExactNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value !== 'object' || value === null || Object.values(value).every(hasExactNumbers);
}

/** The names of the members in which two objects differ. */
export function differingMembers(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => !isDeepStrictEqual(one[name], other[name]));
}
