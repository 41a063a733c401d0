// Times as the API writes them (RFC 3339).
import { forever } from '../domain/cutoffs.ts';

/** Hours up to 23 only, as `Date.parse` also accepts 24. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;
/** The earliest that can be written so; milliseconds. */
export const yearZero = Date.parse('0000-01-01T00:00:00Z');

/** RFC 3339 in UTC, with milliseconds. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Milliseconds of an RFC 3339 time. A finer time is rounded up, as a cutoff covers what was issued until then, and
 * intervals are half-open. NaN for anything else, also for a time whose year in UTC has not four digits, as it could
 * not be written down again.
 */
export function parseTime(text: string): number {
  const isTime = rfc3339.test(text) && isDay(text.slice(0, 10));
  const ms = isTime ? Date.parse(text) + (/\.\d{3}0*[1-9]/.test(text) ? 1 : 0) : Number.NaN;
  return ms >= yearZero && ms <= forever ? ms : Number.NaN;
}

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const ms = Date.parse(date);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}
