// `npm run bench`: how fast the server is beside what one would use instead, side by side in one run.
// `npm run bench -- --help` says what can be asked of it. Writes bench/results/*.json.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { audit } from './audit.ts';
import { introspection } from './introspection.ts';
import { jwt } from './jwt.ts';
import { pictureOf } from './lib/picture.ts';
import { say } from './lib/progress.ts';
import {
  type Report,
  type Row,
  readReports,
  replaceTable,
  tableOf,
  thisRun,
  writeReport,
} from './lib/report.ts';
import { mixed } from './mixed.ts';
import { observing } from './observing.ts';
import { overload } from './overload.ts';
import { registration, streamed } from './registration.ts';
import { revocation } from './revocation.ts';
import { scale } from './scale.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    tokens: { type: 'string' },
    events: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    from: { type: 'string', multiple: true },
    picture: { type: 'string' },
    table: { type: 'string' },
  },
});

interface Part {
  readonly about: string;
  /** Left out unless asked for: by `--quick` if it takes minutes, by every run if it takes an hour. */
  readonly heavy?: 'minutes' | 'hour';
  run(): Promise<Row[]>;
}

const million = values.quick ? 100_000 : 1_000_000;
const size = {
  tokens: Number(values.tokens ?? million),
  revocations: Number(values.tokens ?? million),
  workingSet: Math.min(Number(values.tokens ?? million), values.quick ? 20_000 : 100_000),
};
const events = Number(values.events ?? (values.quick ? 100_000 : 10_000_000));
const effort = {
  rounds: Number(values.rounds ?? (values.quick ? 3 : 7)),
  seconds: Number(values.seconds ?? (values.quick ? 0.5 : 3)),
};

const parts: Record<string, Part> = {
  'introspection-sqlite': {
    about: 'opaque tokens beside K and oidc-provider',
    run: () => introspection('sqlite', size, effort),
  },
  'introspection-postgres': {
    about: 'opaque tokens beside K and beside one query for each request',
    run: () => introspection('postgres', size, effort),
  },
  'jwt-es256': {
    about: 'JWTs first seen and seen before, beside registered tokens and jose',
    run: () => jwt('ES256', effort),
  },
  'jwt-rs256': { about: 'the same with RS256', heavy: 'minutes', run: () => jwt('RS256', effort) },
  'jwt-eddsa': { about: 'the same with EdDSA', heavy: 'minutes', run: () => jwt('EdDSA', effort) },
  'revocation-sqlite': {
    about: 'durable revocation beside one commit each and oidc-provider',
    run: () => revocation('sqlite', effort),
  },
  'revocation-postgres': {
    about: 'durable revocation beside bare node:http and pg',
    run: () => revocation('postgres', effort),
  },
  'registration-sqlite': {
    about: 'arrays and a stream beside single registrations',
    run: () => registration('sqlite', effort),
  },
  'registration-postgres': {
    about: 'the same on Postgres',
    heavy: 'minutes',
    run: () => registration('postgres', effort),
  },
  'registration-stream': {
    about: 'memory while a million tokens (or --tokens) are streamed',
    heavy: 'minutes',
    run: () => streamed('sqlite', Number(values.tokens ?? 1_000_000)),
  },
  observing: {
    about: 'logging, metrics and audit beside none of them',
    run: () => observing('sqlite', effort),
  },
  'mixed-sqlite': {
    about: 'p99 of introspection beside revocations and beside a purge',
    heavy: 'minutes',
    run: () => mixed('sqlite', million, effort),
  },
  'mixed-postgres': {
    about: 'the same on Postgres',
    heavy: 'minutes',
    run: () => mixed('postgres', million, effort),
  },
  'overload-sqlite': {
    about: 'twice as many introspections as can be answered, and revocations among them',
    heavy: 'minutes',
    run: () => overload('sqlite', effort),
  },
  'audit-sqlite': {
    about: 'the audit trail at size, and what sealing costs',
    heavy: 'minutes',
    run: () => audit('sqlite', events, effort),
  },
  'audit-postgres': {
    about: 'the same on Postgres',
    heavy: 'minutes',
    run: () => audit('postgres', events, effort),
  },
  scale: {
    about: 'ten thousand and ten million tokens (or --tokens): CPU, p99, memory',
    heavy: 'hour',
    run: () => scale(Number(values.tokens ?? 10_000_000), 1_000_000, effort),
  },
};

const help = `npm run bench -- [options]

Measures the server beside what one would use instead, in interleaved rounds of one run, and prints a table
in Markdown: goal, measured, verdict. Figures of different runs are not comparable; ratios are.

  --quick            about two minutes: fewer and shorter rounds, smaller tables, heavy parts left out
  --scale            also the part \`scale\`, which fills ten million tokens
  --only NAME        only parts whose name begins so; may be given several times
  --tokens N         tokens and revocations instead of a million; of \`scale\`, tokens instead of ten million
  --events N         audit events instead of ten million
  --rounds N         rounds instead of ${effort.rounds}
  --seconds N        seconds a round instead of ${effort.seconds}
  --picture PATH     also writes the table as a picture (SVG)
  --table PATH       also puts the table between <!-- bench --> and <!-- /bench --> in a document
  --from FILE        measures nothing: table and picture from earlier results; may be given several times

Parts:
${Object.entries(parts)
  .map(([name, { about, heavy }]) => `  ${name.padEnd(24)} ${about}${heavy ? ' (heavy)' : ''}`)
  .join('\n')}
`;

if (values.help) process.stdout.write(help);
else publish(values.from ? readReports(values.from) : await run());

async function run(): Promise<Report> {
  const run = thisRun(['npm run bench --', ...process.argv.slice(2)].join(' '));
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    if (values.only && !values.only.some((only) => name.startsWith(only))) continue;
    const why = reasonToSkip(part);
    if (why) {
      skipped.push(`${name} (${why})`);
      continue;
    }
    const began = performance.now();
    say(`\n${name}: ${part.about}`);
    rows.push(...(await part.run()));
    say(`  ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
  const report = { runs: [run], rows, skipped };
  say(`\nwritten to ${writeReport(new URL('results', import.meta.url).pathname, report)}`);
  return report;
}

/** A part that is asked for by name always runs. */
function reasonToSkip({ heavy }: Part): string | undefined {
  if (values.only || (values.scale && heavy === 'hour')) return undefined;
  if (heavy === 'hour') return 'with --scale';
  return heavy && values.quick ? 'without --quick' : undefined;
}

function publish(report: Report): void {
  process.stdout.write(`\n${tableOf(report)}\n`);
  if (values.picture) writeFileSync(values.picture, pictureOf(report));
  if (values.table) replaceTable(values.table, report, values.picture);
}
