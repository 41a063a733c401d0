// The log: JSON lines, or short text on a terminal. Never a token, a secret or SQL: callers log names and
// references, and the fields below are struck out should one slip in.
import pino, { type Logger } from 'pino';

const struckOut = [
  'authorization',
  'cookie',
  'token',
  'refresh_token',
  'client_secret',
  'secret',
  'assertion',
];

export interface LogOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  readonly write: (line: string) => void;
  /** Given where several processes write one log: the process of each line. */
  readonly pid?: number;
}

export function createLog({ level, format, write, pid }: LogOptions): Logger {
  const redact = { paths: struckOut.flatMap((field) => [field, `*.${field}`]), censor: '[removed]' };
  const stream = { write: format === 'pretty' ? (line: string) => write(toText(line)) : write };
  return pino(
    { level, redact, base: pid === undefined ? null : { pid }, timestamp: pino.stdTimeFunctions.isoTime },
    stream,
  );
}

function toText(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const label = pino.levels.labels[Number(level)] ?? '';
  const details = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 23)} ${label.padEnd(5)} ${msg} ${details.join(' ')}\n`;
}
