// The table that the bench prints: goal, measured, verdict; and the same as a file.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export interface Row {
  readonly work: string;
  readonly reference: string;
  readonly what: 'rate' | 'CPU' | 'p99';
  /** The ratio to be reached; for CPU and p99 not to be exceeded. */
  readonly goal: number;
  readonly measured: number;
  readonly detail: string;
}

function isReached({ what, goal, measured }: Row): boolean {
  return what === 'rate' ? measured >= goal : measured <= goal;
}

export function printReport(rows: readonly Row[]): void {
  const { model = 'unknown' } = cpus()[0] ?? {};
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  console.log(
    `\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${model}, ${memory} GiB, Node ${process.version}\n`,
  );
  console.log('| work | reference | goal | measured | |\n|---|---|---|---|---|');
  for (const row of rows) {
    const sign = row.what === 'rate' ? '≥' : '≤';
    const verdict = isReached(row) ? 'reached' : 'missed';
    const goal = `${row.what} ${sign} ${row.goal.toFixed(2)} ×`;
    console.log(
      `| ${row.work} | ${row.reference} | ${goal} | ${row.measured.toFixed(2)} × (${row.detail}) | ${verdict} |`,
    );
  }
}

export function writeReport(folder: string, rows: readonly Row[]): string {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`;
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version };
  writeFileSync(path, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  return path;
}
