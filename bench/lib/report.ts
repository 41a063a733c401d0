// What the bench says in the end: one table with goal, measured, verdict and machine, in Markdown; and the
// same as a file, from which table and picture can be made again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, relative } from 'node:path';
import type { Medians } from './interleave.ts';

export interface Row {
  readonly work: string;
  /** What it is compared with, in the same run. */
  readonly reference: string;
  /** A rate is to reach its goal, anything else is not to exceed it. A figure stands for itself. */
  readonly what: 'rate' | 'CPU' | 'p99' | 'memory' | 'figure';
  /** None: shown, but not judged. */
  readonly goal?: number;
  /** A ratio to the reference, or in `unit` the difference from it; for `figure` the figure itself. */
  readonly measured: number;
  readonly unit?: '/s' | 'µs' | 'ms' | 'MiB';
  /** The figures behind it. */
  readonly detail: string;
}

/** What rows came from. */
export interface Run {
  readonly date: string;
  readonly command: string;
  readonly machine: string;
  /** Load of the machine before anything was started: other work spoils rates, less so CPU and ratios. */
  readonly loadBefore: number;
}

export interface Report {
  readonly runs: readonly Run[];
  readonly rows: readonly Row[];
  /** Parts that were left out, and why. */
  readonly skipped: readonly string[];
}

export function verdictOf({ what, goal, measured }: Row): 'reached' | 'missed' | 'shown' {
  if (goal === undefined) return 'shown';
  return (what === 'rate' ? measured >= goal : measured <= goal) ? 'reached' : 'missed';
}

/** Call it before anything is started. */
export function thisRun(command: string): Run {
  const { model = 'unknown' } = cpus()[0] ?? {};
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return {
    date: new Date().toISOString().slice(0, 10),
    command,
    machine: `${cpus().length} × ${model.trim()}, ${memory} GiB, Node ${process.version}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** When and where, each once. */
export function occasionsOf(runs: readonly Run[]): string {
  return [...new Set(runs.map(({ date, machine }) => `${date}, ${machine}`))].join('; ');
}

/** `1.26 ×`, `+31 µs`; a figure has no sign. */
export function amount(value: number, { unit, what }: Pick<Row, 'unit' | 'what'>): string {
  if (unit === undefined) return `${value.toFixed(2)} ×`;
  if (what === 'figure') return `${value.toFixed(unit === 'ms' || unit === 'µs' ? 1 : 0)} ${unit}`;
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(0)} ${unit}`;
}

export function goalOf(row: Row): string {
  const { what, goal } = row;
  return goal === undefined ? '' : `${what} ${what === 'rate' ? '≥' : '≤'} ${amount(goal, row)}`;
}

/** The figures behind a ratio. */
export function figuresOf(what: Row['what'], one: Medians, other: Medians): string {
  const rates = `${one.rate.toFixed(0)}/s to ${other.rate.toFixed(0)}/s`;
  const times = `${one.cpuMicros.toFixed(0)} to ${other.cpuMicros.toFixed(0)} µs CPU`;
  const p99s = `p99 ${one.p99Ms.toFixed(1)} to ${other.p99Ms.toFixed(1)} ms`;
  if (what === 'p99') return p99s;
  return what === 'CPU' ? times : `${rates}, ${times}, ${p99s}`;
}

/** A Markdown table, and above it when, where and by which commands it was made. */
export function tableOf({ runs, rows, skipped }: Report): string {
  const heads = ['work', 'reference in the same run', 'goal', 'measured', ''];
  const lines = rows.map((row) => [
    row.work,
    row.reference,
    goalOf(row) || row.what,
    `${amount(row.measured, row)} (${row.detail})`,
    row.goal === undefined ? '' : verdictOf(row),
  ]);
  const widths = heads.map((head, n) =>
    Math.max(3, ...[head, ...lines.map((line) => line[n] ?? '')].map(widthOf)),
  );
  const toLine = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => cell + ' '.repeat((widths[n] ?? 0) - widthOf(cell))).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const left = skipped.length === 0 ? '' : `\n\nNot in this run: ${skipped.join('; ')}.`;
  const commands = runs.map(
    ({ command, loadBefore }) => `- \`${command}\` (load before: ${loadBefore.toFixed(1)})`,
  );
  const table = [toLine(heads), rule, ...lines.map(toLine)].join('\n');
  return `Measured on ${occasionsOf(runs)}:\n\n${commands.join('\n')}\n\n${table}${left}`;
}

function widthOf(text: string): number {
  return [...text].length;
}

export function writeReport(folder: string, report: Report): string {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`;
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

/** Several runs as one report; of a row that is in more than one the last counts. */
export function readReports(paths: readonly string[]): Report {
  const reports = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report);
  const rows = new Map(reports.flatMap((report) => report.rows.map((row) => [keyOf(row), row] as const)));
  return { runs: reports.flatMap(({ runs }) => runs), rows: [...rows.values()], skipped: [] };
}

function keyOf({ work, reference, what }: Row): string {
  return [work, reference, what].join('\n');
}

const [begin, end] = ['<!-- bench -->', '<!-- /bench -->'];

/** Puts the table between the two marks in a document, the picture above it. */
export function replaceTable(path: string, report: Report, picture: string | undefined): void {
  const [before, rest] = readFileSync(path, 'utf8').split(begin);
  const [, after] = rest?.split(end) ?? [];
  if (rest === undefined || after === undefined) throw new Error(`${path} lacks ${begin} and ${end}`);
  const link = picture ? `![Measured against the goals](${relative(dirname(path), picture)})\n\n` : '';
  writeFileSync(path, `${before}${begin}\n\n${link}${tableOf(report)}\n\n${end}${after}`);
}
