// `audit verify`: the database, an export or a single proof. Exit code 0 when all holds, 1 when not.
import { Command, Option } from 'commander';
import type { JSONWebKeySet } from 'jose';
import { readConfig } from '../config.ts';
import { UnreadableRecord } from '../domain/trail/audit-record.ts';
import { type ReadSeal, sealReader } from '../domain/trail/seals.ts';
import { checkProof, type InclusionProof } from '../domain/trail/trail-proof.ts';
import { type TrailReport, verifyTrail } from '../domain/trail/verify-trail.ts';
import { isObject } from '../domain/values/json-values.ts';
import { SealKeys, toPublic } from '../upkeep/seal-keys.ts';
import { badParameter, Refusal } from '../wire/refusal.ts';
import { readJsonFile } from './options.ts';
import { Progress } from './progress.ts';
import { exportedEvents, readSealLines, storedEvents, storedSeals } from './read-trail.ts';
import { withStore } from './with-store.ts';

interface VerifyOptions {
  readonly export?: string;
  readonly seals?: string;
  readonly against?: string;
  readonly keys?: string;
  readonly proof?: string;
  readonly json?: boolean;
}

export function verifyCommand(process: NodeJS.Process): Command {
  return new Command('verify')
    .description('check that no event was altered, removed, slipped in or moved')
    .option('--export <file>', 'check this NDJSON export instead of the database; needs --seals')
    .option('--seals <file>', 'the seals beside the export, one a line')
    .option('--against <file>', 'seals that were kept elsewhere, one a line: shows a tail that was cut off')
    .option('--keys <file>', 'public keys as a JWK set (default: those in SEAL_KEY_FILE)')
    .addOption(
      new Option('--proof <file>', 'check only this proof of one event').conflicts([
        'export',
        'seals',
        'against',
      ]),
    )
    .option('--json', 'print the report as JSON')
    .action(async (options: VerifyOptions) => {
      try {
        await verify(process, options);
      } catch (error) {
        if (error instanceof UnreadableRecord) throw new Refusal('invalid_request', error.message);
        throw error;
      }
    });
}

async function verify(process: NodeJS.Process, options: VerifyOptions): Promise<void> {
  const readSeal = sealReader(await readKeys(process, options.keys));
  if (options.proof !== undefined) return verifyProof(process, options.proof, readSeal);
  if (options.seals !== undefined && options.export === undefined)
    throw badParameter(
      '--seals',
      'goes with --export; what the database is to be compared with, with --against',
    );
  const kept = options.against === undefined ? [] : await readSealLines(options.against);
  const report =
    options.export === undefined
      ? await verifyDatabase(process, kept, readSeal)
      : await verifyExport(process, options.export, options.seals, kept, readSeal);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : toText(report, kept.length > 0));
  process.exitCode = report.finding === null ? 0 : 1;
}

async function readKeys(process: NodeJS.Process, file: string | undefined): Promise<JSONWebKeySet> {
  if (file !== undefined) {
    const given = (await readJsonFile('--keys', file)) as JSONWebKeySet | null;
    const isSet = Array.isArray(given?.keys) && given.keys.length > 0 && given.keys.every(isObject);
    // It may be the server's own file, with the private key in it.
    if (given && isSet) return { keys: given.keys.map(toPublic) };
    throw new Refusal('invalid_request', 'The file of --keys is not a JWK set with a key in it.');
  }
  const own = new SealKeys(readConfig(process.env).sealKeyFile).publicKeys();
  if (own.keys.length > 0) return own;
  throw new Refusal(
    'invalid_request',
    'There are no keys to verify with. Give them with --keys; or, if nothing is sealed yet: audit seal',
  );
}

function verifyDatabase(
  process: NodeJS.Process,
  kept: readonly string[],
  readSeal: ReadSeal,
): Promise<TrailReport> {
  return withStore(process, async (store) => {
    const findFirst = async () => (await store.upkeep.listStoredEvents(0, 1))[0]?.event.seq;
    for (;;) {
      const first = await findFirst();
      // Read the seals first: events sealed during the run then count as an unsealed tail, not as a gap.
      const seals = await storedSeals(store);
      const head = await store.findEventHead();
      const progress = new Progress(process.stderr, 'verifying', head);
      const report = await verifyTrail({
        events: storedEvents(store),
        seals,
        kept,
        readSeal,
        head: () => store.findEventHead(),
        onProgress: (checked) => progress.to(checked),
      });
      progress.to(report.events);
      progress.end();
      // A purge during the run may have deleted events, which are then rightly missing: check again.
      if (report.finding === null || first === (await findFirst())) return report;
    }
  });
}

async function verifyExport(
  process: NodeJS.Process,
  file: string,
  sealsFile: string | undefined,
  kept: readonly string[],
  readSeal: ReadSeal,
): Promise<TrailReport> {
  if (sealsFile === undefined && kept.length === 0)
    throw new Refusal('invalid_request', 'An export proves nothing without seals. Give them with --seals.');
  const lines = sealsFile === undefined ? kept : await readSealLines(sealsFile);
  const seals = lines.map((jws) => ({ jws }));
  const last = await readSeal(lines.at(-1) ?? '');
  const progress = new Progress(process.stderr, 'verifying', 'last' in last ? last.last : 0);
  const onProgress = (checked: number) => progress.to(checked);
  const report = await verifyTrail({ events: exportedEvents(file), seals, kept, readSeal, onProgress });
  progress.to(report.events);
  progress.end();
  return report;
}

async function verifyProof(process: NodeJS.Process, file: string, readSeal: ReadSeal): Promise<void> {
  const proof = (await readJsonFile('--proof', file)) as InclusionProof | null;
  if (!isObject(proof) || typeof proof.seal !== 'string' || !Array.isArray(proof.path))
    throw new Refusal('invalid_request', 'The file of --proof is not what `audit proof` prints.');
  const problem = await checkProof(proof, readSeal);
  process.stdout.write(problem === null ? 'The proof holds.\n' : `The proof does not hold: ${problem}.\n`);
  process.exitCode = problem === null ? 0 : 1;
}

function toText(report: TrailReport, hasKept: boolean): string {
  const { finding, events, seals, sealedThrough, purgedThrough, unsealed, erased } = report;
  if (finding) {
    const what = finding.event === null ? `seal ${finding.seal}` : `event ${finding.event}`;
    const where = finding.event === null || finding.seal === null ? '' : ` (seal ${finding.seal})`;
    return `${finding.kind.toUpperCase()}: ${what}${where}: ${finding.detail}.\n`;
  }
  if (seals === 0)
    return `Nothing is sealed yet, so nothing is proven of ${events} events. Run: audit seal\n`;
  const tail = unsealed === 0 ? '.' : `; the ${unsealed} after it are in place, but not sealed.`;
  const lines = [
    `Nothing was altered, removed, slipped in or moved in ${events} events under ${seals} ${seals === 1 ? 'seal' : 'seals'}.`,
    `Proven through event ${sealedThrough}${tail}`,
  ];
  if (purgedThrough > 0) lines.push(`Events through ${purgedThrough} were purged, as a later event says.`);
  if (erased > 0) lines.push(`Of ${erased} events personal members were erased.`);
  if (!hasKept) lines.push('Seals kept elsewhere (--against) would also show a tail that was cut off.');
  return `${lines.join('\n')}\n`;
}
