// `audit export`: the trail as NDJSON or CSV, into a file or to standard output, from the beginning or going on.
import { once } from 'node:events';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { Origin } from '../domain/audit.ts';
import type { Store } from '../domain/store.ts';
import { csvHeader, type ExportFormat, exportEvents } from '../domain/trail/export-trail.ts';
import { recordReading } from '../domain/trail/record-reading.ts';
import { keepName } from '../durable-names.ts';
import { isCutShort } from '../upkeep/send-seals.ts';
import { badParameter, Refusal } from '../wire/refusal.ts';
import { toEventId } from './options.ts';
import { Progress } from './progress.ts';
import { withStore } from './with-store.ts';

interface ExportOptions {
  readonly format: ExportFormat;
  readonly out?: string;
  readonly after: number;
  readonly through?: number;
}

export function exportCommand(process: NodeJS.Process): Command {
  return new Command('export')
    .description('write the trail as NDJSON, which `audit verify --export` checks offline, or as CSV')
    .option('--format <format>', 'ndjson or csv', toFormat, 'ndjson')
    .option('--out <file>', 'write to this file (default: standard output)')
    .option('--after <event>', 'go on after this event', toEventId, 0)
    .option('--through <event>', 'end with this event (default: the last)', toEventId)
    .action((options: ExportOptions) =>
      withStore(process, (store, _config, origin) => exportTrail(process, store, origin, options)),
    );
}

async function exportTrail(
  process: NodeJS.Process,
  store: Store,
  origin: Origin,
  { format, out, after, through: asked }: ExportOptions,
): Promise<void> {
  const head = await store.findEventHead();
  const through = Math.min(asked ?? head, head);
  if (after > through) throw badParameter('--after', 'is after the end of the export');
  const file = out === undefined ? null : await openFile(out, after > 0);
  const progress = new Progress(process.stderr, 'exporting', through - after);
  const write = file ? (text: string) => file.appendFile(text).then(() => true) : writerTo(process.stdout);
  try {
    await recordReading(store, origin, 'audit_exported', {}, { format, after, through });
    for await (const text of exportEvents(store, { through }, after, format)) {
      if (!(await write(text))) return;
      if (text !== csvHeader) progress.advance(text.split('\n').length - 1);
    }
    if (file && out !== undefined && (await file.stat()).isFile()) {
      await file.sync();
      keepName(out);
    }
  } finally {
    await file?.close();
  }
  progress.end();
}

/** Writes when there is room. Resolves to false once nobody reads: one such as `head` goes when it has enough. */
function writerTo(output: NodeJS.WriteStream): (text: string) => Promise<boolean> {
  let isRead = true;
  const onWritten = (error?: Error | null): void => {
    if (error) isRead = false;
  };
  return async (text) => {
    if (!output.write(text, onWritten)) await once(output, 'drain').catch(onWritten);
    return isRead;
  };
}

function toFormat(text: string): ExportFormat {
  if (text === 'ndjson' || text === 'csv') return text;
  throw new InvalidArgumentError('Give ndjson or csv.');
}

/** Opens a new file, or one to continue. Rejects before the export is recorded in the trail. */
async function openFile(path: string, goesOn: boolean): Promise<FileHandle> {
  const found = goesOn ? await stat(path).catch(() => null) : null;
  if (found?.isFile() && isCutShort(path, found.size))
    throw new Refusal(
      'invalid_request',
      'The last line of the file of --out is not whole. Take it out, then go on after the one before.',
    );
  try {
    return await open(path, goesOn ? 'a' : 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Refusal(
      'invalid_request',
      'The file of --out is there already. Name another, or go on with it by --after.',
    );
  }
}
