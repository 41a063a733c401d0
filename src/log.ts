// The log: JSON lines, or short text on a terminal. Never a token, a secret or SQL: callers log names and
// references, and the fields below are struck out should one slip in.
import pino, { type Logger } from 'pino';

const struckOut: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'token',
  'refresh_token',
  'client_secret',
  'secret',
  'assertion',
]);
const censor = '[removed]';

export interface LogOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  readonly write: (line: string) => void;
  /** Set if several processes write one log: the process of each line. */
  readonly pid?: number;
}

export function createLog({ level, format, write, pid }: LogOptions): Logger {
  const formatters = { log: (fields: Fields) => strikeOut(fields) };
  const stream = { write: format === 'pretty' ? (line: string) => write(toText(line)) : write };
  return pino(
    { level, formatters, base: pid === undefined ? null : { pid }, timestamp: pino.stdTimeFunctions.isoTime },
    stream,
  );
}

type Fields = Record<string, unknown>;

/** Strikes out at the top and one level down. Pino's own way copies every line; this copies only lines that need it. */
function strikeOut(fields: Fields, below = 1): Fields {
  let clean = fields;
  for (const [name, value] of Object.entries(fields)) {
    const isNested = below > 0 && typeof value === 'object' && value !== null;
    const struck = isNested ? strikeOut(value as Fields, below - 1) : value;
    if (struckOut.has(name)) clean = { ...clean, [name]: censor };
    else if (struck !== value) clean = { ...clean, [name]: struck };
  }
  return clean;
}

function toText(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = pino.levels.labels[Number(level)] ?? '';
  const details = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${label.padEnd(5)} ${msg} ${details.join(' ')}\n`;
}
