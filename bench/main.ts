// `npm run bench`: how fast the server is beside what one would use instead, side by side in one run.
// `--quick` takes two minutes, `--only NAME` runs one part. Writes bench/results/*.json.
import { parseArgs } from 'node:util';
import { audit } from './audit.ts';
import { introspection } from './introspection.ts';
import { printReport, type Row, writeReport } from './lib/report.ts';
import { mixed } from './mixed.ts';
import { overload } from './overload.ts';
import { revocation } from './revocation.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    tokens: { type: 'string' },
    events: { type: 'string' },
  },
});
const million = values.quick ? 100_000 : 1_000_000;
const size = { tokens: Number(values.tokens ?? million), revocations: Number(values.tokens ?? million) };
const events = Number(values.events ?? (values.quick ? 100_000 : 10_000_000));
const effort = values.quick ? { rounds: 2, seconds: 2 } : { rounds: 5, seconds: 4 };
const parts = {
  'introspection-sqlite': () => introspection('sqlite', size, effort),
  'introspection-postgres': () => introspection('postgres', size, effort),
  'revocation-sqlite': () => revocation('sqlite', effort),
  'revocation-postgres': () => revocation('postgres', effort),
  'mixed-sqlite': () => mixed('sqlite', million, effort),
  'mixed-postgres': () => mixed('postgres', million, effort),
  'overload-sqlite': () => overload('sqlite', effort),
  'audit-sqlite': () => audit('sqlite', events, effort),
  'audit-postgres': () => audit('postgres', events, effort),
};
const rows: Row[] = [];
for (const [name, run] of Object.entries(parts)) {
  if (values.only !== undefined && !name.startsWith(values.only)) continue;
  process.stderr.write(`${name}\n`);
  rows.push(...(await run()));
}
printReport(rows);
process.stderr.write(`\nwritten to ${writeReport(new URL('results', import.meta.url).pathname, rows)}\n`);
