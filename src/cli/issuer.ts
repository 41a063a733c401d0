// `issuer …`: whose JWTs are trusted. Works on the database directly, also while the server runs, which
// sees the change within a second.
import { Command } from 'commander';
import { type Issuer, inboxKinds } from '../domain/records/issuers.ts';
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
import { badParameter, Refusal } from '../wire/refusal.ts';
import { collect, patchOf, readJsonFile, withoutAbsent } from './options.ts';
import { addRecordCommands, type Commanded, printer, throwUnknown } from './records.ts';
import { withNewStore, withStore } from './with-store.ts';

interface IssuerOptions {
  discover?: true;
  jwksUri?: string;
  jwksFile?: string;
  alg?: string[];
  type?: string[];
  audience?: string[];
  userClaim?: string[];
  clientClaim?: string[];
  sessionClaim?: string[];
  grantClaim?: string[];
  defaultClient?: string;
  defaultAudience?: string;
  refreshMarker?: string;
  reusesIds?: true;
  scopePermission?: string[];
  reach?: string;
  inbox?: string[];
  inboxAudience?: string;
  inboxGoverns?: string[];
  inboxEndsOffline?: true;
  inboxSubjectFormat?: string[];
  json?: true;
}

interface AddOptions extends IssuerOptions {
  issuer: string;
}

interface UpdateOptions extends IssuerOptions {
  unset?: string[];
}

/** Members of which an issuer has one. */
const alternatives = [['discovery', 'jwks_uri', 'jwks']];

const records: Commanded<Issuer> = {
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
  return withIssuerOptions(command).action((options: AddOptions) => add(process, options));
}

function updateIssuerCommand(process: NodeJS.Process): Command {
  const command = new Command('update')
    .argument('<issuer>')
    .description('change an issuer; what is not named stays, and a list replaces the list before it');
  return withIssuerOptions(command)
    .option('--unset <member...>', `back to the default: ${issuerMembers.join(', ')}`, collect)
    .action((name: string, options: UpdateOptions) => update(process, name, options));
}

function withIssuerOptions(command: Command): Command {
  return command
    .option('--discover', 'find its keys through its metadata (RFC 8414, OpenID Connect Discovery)')
    .option('--jwks-uri <url>', 'fetch its keys from here')
    .option('--jwks-file <file>', 'its public keys, as a JWK set')
    .option('--alg <alg...>', 'algorithms to accept', collect)
    .option('--type <typ...>', 'header `typ` values of its tokens (default: at+jwt, JWT)', collect)
    .option('--audience <audience...>', 'accept only tokens that name one of these', collect)
    .option('--user-claim <claim...>', 'claims that hold the user id (default: sub, id, uid)', collect)
    .option('--client-claim <claim...>', 'claims that hold the client (default: client_id, azp)', collect)
    .option('--session-claim <claim...>', 'claims that hold the session (default: sid)', collect)
    .option('--grant-claim <claim...>', 'claims that hold the grant (default: grant_id)', collect)
    .option('--default-client <client_id>', 'client of tokens that name none')
    .option('--default-audience <audience>', 'audience of tokens that name none')
    .option('--refresh-marker <claim=value>', 'what marks its refresh tokens')
    .option('--reuses-ids', 'its session and grant ids come back across logins')
    .option('--scope-permission <scope=permission...>', 'what bearers of a scope may do here', collect)
    .option('--reach <reach>', "own: its bearers reach this issuer's data only (default); all")
    .option('--inbox <kind...>', `what it may send to end logins: ${inboxKinds.join(', ')}`, collect)
    .option('--inbox-audience <aud>', 'the `aud` of what it sends; for back-channel logout the client')
    .option('--inbox-governs <issuer...>', 'whose tokens it ends (default: its own)', collect)
    .option('--inbox-ends-offline', 'back-channel logout ends tokens of scope offline_access, too')
    .option(
      '--inbox-subject-format <format...>',
      'how it may name users beside iss_sub: email, account',
      collect,
    )
    .option('--json', 'print one JSON object');
}

async function add(process: NodeJS.Process, options: AddOptions): Promise<void> {
  const body = check(newIssuerBody, { issuer: options.issuer, ...(await toMembers(options)) });
  await withNewStore(process, async (store, config, origin) => {
    const fields = await toNewIssuer(body, !config.production);
    const added = await addIssuer(store, origin, fields, await namedInRecord(fields));
    if (added.status === 'issuer_exists')
      throw new Refusal('issuer_exists', 'This issuer is on record. See `issuer show`.');
    await showIssuer(process, added.issuer, options.json);
  });
}

async function update(process: NodeJS.Process, name: string, options: UpdateOptions): Promise<void> {
  const patch = patchOf(await toMembers(options), options.unset, alternatives);
  await withStore(process, async (store, config, origin) => {
    const updated = await updateIssuer(store, origin, name, (issuer) =>
      patchIssuer(issuer, patch, !config.production),
    );
    switch (updated.status) {
      case 'updated':
        return showIssuer(process, updated.issuer, options.json);
      case 'would_revive':
        throw wouldRevive(updated.member, name);
      case 'not_found':
        return throwUnknown(records);
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
    .description('fetch its keys now and show them; running servers fetch them again before their next use')
    .option('--json', 'print one JSON object')
    .action(async (name: string, { json }: { json?: boolean }) => {
      await withStore(process, async (store, _config, origin) => {
        const marked = await markKeysStale(store, origin, name);
        if (marked.status === 'not_found') return throwUnknown(records);
        const { keys, problem } = await fetchKeys(marked.issuer);
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

async function toMembers(options: IssuerOptions): Promise<Record<string, unknown>> {
  const claims = withoutAbsent({
    user: options.userClaim,
    client: options.clientClaim,
    session: options.sessionClaim,
    grant: options.grantClaim,
  });
  return withoutAbsent({
    discovery: options.discover,
    jwks_uri: options.jwksUri,
    jwks: options.jwksFile === undefined ? undefined : await readJsonFile('--jwks-file', options.jwksFile),
    algorithms: options.alg,
    types: options.type,
    audiences: options.audience,
    claims: Object.keys(claims).length > 0 ? claims : undefined,
    default_client: options.defaultClient,
    default_audience: options.defaultAudience,
    refresh_marker: toMarker(options.refreshMarker),
    reuses_ids: options.reusesIds,
    scope_permissions: toScopePermissions(options.scopePermission),
    reach: options.reach,
    inbox: toInbox(options),
  });
}

function toInbox(options: IssuerOptions): object | undefined {
  const inbox = withoutAbsent({
    kinds: options.inbox,
    audience: options.inboxAudience,
    governs: options.inboxGoverns,
    keep_offline: options.inboxEndsOffline && false,
    subject_formats: options.inboxSubjectFormat,
  });
  return Object.keys(inbox).length > 0 ? inbox : undefined;
}

function toMarker(text: string | undefined): object | undefined {
  if (text === undefined) return undefined;
  const [claim, value] = splitPair(text, '--refresh-marker', 'claim=value');
  return { claim, value };
}

function toScopePermissions(pairs: readonly string[] | undefined): object | undefined {
  if (pairs === undefined) return undefined;
  const map: Record<string, string[]> = {};
  for (const pair of pairs) {
    const [scope, permission] = splitPair(pair, '--scope-permission', 'scope=permission');
    map[scope] = [...(map[scope] ?? []), permission];
  }
  return map;
}

/** Splits at the last `=`: scopes may contain one, permissions do not. */
function splitPair(text: string, option: string, form: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw badParameter(option, `is written as ${form}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function summaryOf(issuer: Issuer): string {
  const state = issuer.disabledAt === null ? 'enabled ' : 'disabled';
  return `${issuer.issuer.padEnd(48)} ${state} ${issuer.keySource.kind.padEnd(10)} ${issuer.algorithms.join(' ')}`;
}
