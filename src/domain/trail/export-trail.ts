// Exports of the audit trail: every event that matches, oldest first, as lines of JSON that can be verified
// offline, or as CSV for spreadsheets. Streamed page by page; resumed after the last complete line.
import type { EventFilter } from '../listings.ts';
import type { Store } from '../store.ts';
import type { RecordedEvent } from './audit-leaf.ts';
import { eventToRecord, eventToWire } from './audit-record.ts';

export type ExportFormat = 'ndjson' | 'csv';

/** Yields a page at a time, as text or its UTF-8; reads the next one when it is asked for it. */
export type ExportTrail = (
  filter: EventFilter,
  after: number,
  format: ExportFormat,
) => AsyncGenerator<string | Uint8Array, void>;

const pageSize = 1000;

/** Yields the text of a page at a time; `filter.through` is the last event that belongs to the export. */
export async function* exportEvents(
  store: Store,
  filter: EventFilter,
  after: number,
  format: ExportFormat,
): AsyncGenerator<string, void> {
  const toLine = format === 'csv' ? toCsvLine : toJsonLine;
  if (format === 'csv' && after === 0) yield csvHeader;
  let page: RecordedEvent[];
  let seen = after;
  do {
    page = await store.listEventsAfter(filter, seen, pageSize);
    seen = page.at(-1)?.seq ?? seen;
    if (page.length > 0) yield page.map(toLine).join('');
  } while (page.length === pageSize);
}

function toJsonLine(event: RecordedEvent): string {
  return `${JSON.stringify(eventToRecord(event))}\n`;
}

const csvColumns = [
  'id',
  'time',
  'action',
  'reason',
  'reason_text',
  'actor_kind',
  'actor_id',
  'channel',
  'user_id',
  'client_id',
  'session_id',
  'token_ref',
  'ip',
  'user_agent',
  'request_id',
  'count',
  'metadata',
] as const;
export const csvHeader = `${csvColumns.join(',')}\r\n`;

function toCsvLine(event: RecordedEvent): string {
  const wire = eventToWire(event);
  const { kind, id } = event.actor;
  const values = {
    ...wire,
    actor_kind: kind,
    actor_id: id,
    metadata: JSON.stringify(event.metadata),
  } as Record<string, unknown>;
  return `${csvColumns.map((column) => csvCell(values[column])).join(',')}\r\n`;
}

/**
 * The place of an apostrophe, before text that a spreadsheet would run as a formula. Spreadsheets skip white space and
 * invisible characters, and accept full-width signs, so this does too; and where the comma is for decimals, a semicolon
 * begins a cell, whatever is quoted.
 */
const beforeFormulas = /(^|;)(?=[\s\p{Cf}]*[=+\-@\t\r|%＝＋－＠])/gu;

/** RFC 4180, harmless in spreadsheets. */
export function csvCell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  const harmless = text.replace(beforeFormulas, "$1'");
  return /[",\r\n']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
