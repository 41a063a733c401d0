// GET /v1/audit/export: the whole trail, or what matches, as a stream. It holds one page in memory however long the
// trail is, and an interrupted export can go on after its last complete line.
import { Readable } from 'node:stream';
import type { ExportFormat, ExportTrail } from '../../domain/trail/export-trail.ts';
import { recordReading } from '../../domain/trail/record-reading.ts';
import { badParameter } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import { originOf } from '../origin.ts';
import { type Query, readQuery } from '../reading/query.ts';
import { eventFilterNames, readEventFilter } from './event-filter.ts';
import type { AuditParts } from './events.ts';

const contentTypes = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' } as const;
const bufferBytes = 65_536;

interface ExportParts extends AuditParts {
  readonly exportTrail: ExportTrail;
}

export function handleExport({ store, auth, exportTrail }: ExportParts) {
  return async function streamTrail(ctx: Context): Promise<void> {
    const caller = await auth.permit(ctx, 'audit');
    const query = readQuery(ctx, [...eventFilterNames, 'format', 'after', 'through']);
    const filter = readEventFilter(query);
    const format = readFormat(query);
    const after = readEventId(query, 'after') ?? 0;
    const head = await store.findEventHead();
    const through = readEventId(query, 'through') ?? head;
    if (through > head) throw badParameter('through', 'is after the last event');
    if (after > through) throw badParameter('after', 'is after the end of the export');
    const origin = originOf(ctx, caller.actor);
    await recordReading(store, origin, 'audit_exported', filter, { format, after, through });
    const pages = exportTrail({ ...filter, through }, after, format);
    // A store that fails at once gets the usual answer; once the stream has begun, only the connection can be cut
    // off.
    const first = await pages.next();
    ctx.status = 200;
    ctx.set('Content-Type', contentTypes[format]);
    ctx.set('Content-Disposition', `attachment; filename="audit-events.${format}"`);
    ctx.set('X-Export-Through', String(through));
    ctx.body = streamOf(first, pages);
  };
}

type Pages = ReturnType<ExportTrail>;

/** Reads a page when the client has taken the one before; if the client goes away, the export ends. */
function streamOf(first: IteratorResult<string | Uint8Array, void>, pages: Pages): Readable {
  const stream = new Readable({
    highWaterMark: bufferBytes,
    read() {
      pages.next().then(
        ({ done, value }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      pages.return().then(() => callback(error), callback);
    },
  });
  stream.push(first.done ? null : first.value);
  return stream;
}

function readFormat(query: Query): ExportFormat {
  const format = query.get('format') ?? 'ndjson';
  if (format !== 'ndjson' && format !== 'csv') throw badParameter('format', 'must be ndjson or csv');
  return format;
}

function readEventId(query: Query, name: string): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badParameter(name, 'must be the id of an event');
  return Number(text);
}
