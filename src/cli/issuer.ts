// `issuer …`: whose JWTs are trusted. Works on the database directly, also while the server runs, which
// sees the change within a second.
import { Command } from 'commander';
import type { Issuer } from '../domain/records/issuers.ts';
import { addIssuer, markKeysStale, rememberKeys, updateIssuer } from '../domain/records/manage-issuers.ts';
import { fetchJson } from '../jwt/fetch-json.ts';
import { KeyRing } from '../jwt/key-ring.ts';
import { keyToWire, namedInRecord, namedKeys, type VerifyingKey } from '../jwt/verifying-keys.ts';
import { check } from '../wire/check.ts';
import {
  issuerKind,
  issuerMembers,
  issuerToWire,
  newIssuerBody,
  patchIssuer,
  toNewIssuer,
  wouldRevive,
} from '../wire/issuers.ts';
import { Refusal } from '../wire/refusal.ts';
import { issuerOptions } from './issuer-options.ts';
import { membersIn, withMemberOptions } from './member-options.ts';
import { collect, patchOf } from './options.ts';
import { printer } from './printer.ts';
import { addRecordCommands, type RecordCommands, throwUnknown } from './records.ts';
import { withNewStore, withStore } from './with-store.ts';

interface AddOptions {
  issuer: string;
  json?: boolean;
}

interface UpdateOptions {
  unset?: string[];
  json?: boolean;
}

/** Members of which an issuer has one. */
const alternatives = [['discovery', 'jwks_uri', 'jwks']];

const records: RecordCommands<Issuer> = {
  ...issuerKind,
  key: 'issuer',
  suspended: 'its tokens are inactive, and can still be revoked',
  summaryOf,
};

export function issuerCommand(process: NodeJS.Process): Command {
  const command = new Command('issuer')
    .description('whose JWTs are trusted: add, update, list, show, refresh-keys, disable, enable')
    .addCommand(addIssuerCommand(process))
    .addCommand(updateIssuerCommand(process));
  addRecordCommands(command, process, records);
  return command.addCommand(refreshKeysCommand(process));
}

function addIssuerCommand(process: NodeJS.Process): Command {
  const command = new Command('add')
    .description('trust the JWTs of an issuer; its keys come from one of three places')
    .requiredOption('--issuer <url>', 'the `iss` of its tokens');
  return withMemberOptions(command, issuerOptions).action((options: AddOptions) => add(process, options));
}

function updateIssuerCommand(process: NodeJS.Process): Command {
  const command = new Command('update')
    .argument('<issuer>')
    .description('change an issuer; what is not named stays, and a list replaces the list before it');
  return withMemberOptions(command, issuerOptions)
    .option('--unset <member...>', `back to the default: ${issuerMembers.join(', ')}`, collect)
    .action((name: string, options: UpdateOptions) => update(process, name, options));
}

async function add(process: NodeJS.Process, options: AddOptions): Promise<void> {
  const members = await membersIn(issuerOptions, options);
  const body = check(newIssuerBody, { issuer: options.issuer, ...members });
  await withNewStore(process, async (store, config, origin) => {
    const fields = await toNewIssuer(body, !config.production);
    const added = await addIssuer(store, origin, fields, await namedInRecord(fields));
    if (added.status === 'issuer_exists')
      throw new Refusal('issuer_exists', 'This issuer is on record. See `issuer show`.');
    await showIssuer(process, added.issuer, options.json);
  });
}

async function update(process: NodeJS.Process, name: string, options: UpdateOptions): Promise<void> {
  const patch = patchOf(await membersIn(issuerOptions, options), alternatives, options.unset);
  await withStore(process, async (store, config, origin) => {
    const updated = await updateIssuer(store, origin, name, (issuer) =>
      patchIssuer(issuer, patch, !config.production),
    );
    if (!updated) return throwUnknown(records);
    switch (updated.status) {
      case 'updated':
        return showIssuer(process, updated.issuer, options.json);
      case 'would_revive':
        throw wouldRevive(updated.member, name);
      default:
        updated satisfies never;
    }
  });
}

async function showIssuer(process: NodeJS.Process, issuer: Issuer, json: boolean | undefined): Promise<void> {
  printer(process).show(issuerToWire(issuer), json);
  const { problem } = await fetchKeys(issuer);
  if (problem !== '')
    process.stderr.write(
      `It is on record, but its keys could not be fetched: the address ${problem}. Once they can: issuer refresh-keys\n`,
    );
}

function refreshKeysCommand(process: NodeJS.Process): Command {
  const { show } = printer(process);
  return new Command('refresh-keys')
    .argument('<issuer>')
    .description('fetch its keys now and show them; running servers do so too, within ten seconds')
    .option('--json', 'print one JSON object')
    .action(async (name: string, { json }: { json?: boolean }) => {
      await withStore(process, async (store, _config, origin) => {
        const issuer = await markKeysStale(store, origin, name);
        if (!issuer) return throwUnknown(records);
        const { keys, problem } = await fetchKeys(issuer);
        if (problem !== '')
          throw new Refusal(
            'temporarily_unavailable',
            `The keys could not be fetched: the address ${problem}.`,
          );
        await rememberKeys(store, origin, namedKeys(name, keys));
        show({ issuer: name, keys: keys.map(keyToWire) }, json);
      });
    });
}

/** `problem` says why the keys could not be fetched; it is empty if they were. */
async function fetchKeys(
  issuer: Issuer,
): Promise<{ readonly keys: readonly VerifyingKey[]; readonly problem: string }> {
  let problem = '';
  const onFailure = (_issuer: string, text: string) => {
    problem = text;
  };
  const keyRing = new KeyRing({ fetchJson, now: Date.now, onFailure, onKeys: async () => {} });
  const keys = await keyRing.fresh(issuer).catch(() => []);
  return { keys, problem };
}

function summaryOf(issuer: Issuer): string {
  const state = issuer.disabledAt === null ? 'enabled ' : 'disabled';
  return `${issuer.issuer.padEnd(48)} ${state} ${issuer.keySource.kind.padEnd(10)} ${issuer.algorithms.join(' ')}`;
}
