// `revoke …`: the incident button. The same orders as POST /v1/revocations, given to the database directly,
// so that it works while no server runs, and every server knows of it at once.
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { type Policy, policyOf } from '../domain/policy.ts';
import { reasonRules } from '../domain/reasons.ts';
import { namedBy } from '../domain/revoke/order-event.ts';
import { type RevokeOrder, revokeTarget } from '../domain/revoke/revoke-target.ts';
import type { Store } from '../domain/store.ts';
import { everyIssuer, type Target } from '../domain/targets.ts';
import { withoutAbsent } from '../domain/values/json-values.ts';
import { check } from '../wire/check.ts';
import { demandConfirmation, previewOrder } from '../wire/confirmation.ts';
import { sha256 } from '../wire/members.ts';
import { badParameter, Refusal, withNames } from '../wire/refusal.ts';
import { type ReadOrder, readOrder } from '../wire/revocation-order.ts';
import { outcomeToWire, revocationBody } from '../wire/revocations.ts';
import { printer } from './printer.ts';
import { withStore } from './with-store.ts';

interface Options {
  subject?: string;
  session?: string;
  grant?: string;
  client?: string;
  key?: string;
  kid?: string;
  jti?: string;
  tokenDigest?: string;
  tokenStdin?: boolean;
  everything?: boolean;
  issuer?: string;
  onlyClient?: string;
  onlyUse?: string;
  cutoff?: string;
  reason: string;
  reasonText?: string;
  dryRun?: boolean;
  confirm?: string;
  json?: boolean;
}

export function revokeCommand(process: NodeJS.Process): Command {
  return new Command('revoke')
    .description('end everything under a name: a user, session, grant, client, key, token or whole issuer')
    .option('--subject <sub>', 'all that a user was issued until now')
    .option('--session <id>', 'one login on one device')
    .option('--grant <id>', 'a refresh token and its access tokens')
    .option('--client <id>', 'all that a client was issued until now; needs --confirm')
    .option('--key <thumbprint>', 'all that a signing key verifies (RFC 7638 thumbprint); needs --confirm')
    .option('--kid <kid>', 'the same, by a key id that the issuer has used; needs --confirm')
    .option('--jti <jti>', 'the JWT with this id')
    .option('--token-digest <digest>', 'one token, by the SHA-256 of its string, base64url')
    .option('--token-stdin', 'one token, read from standard input')
    .option('--everything', 'all that the issuer issued until now; needs --confirm')
    .option('--issuer <issuer>', 'namespace of the name (default: PUBLIC_URL); * for all')
    .option('--only-client <id>', 'with --subject: only tokens of this client')
    .option('--only-use <use>', 'with --subject: only access_token, or only refresh_token')
    .option('--cutoff <time>', 'RFC 3339: what was issued until then ends (default: now)')
    .requiredOption('--reason <reason>', 'why: one of the codes below, or free text')
    .option('--reason-text <text>', 'a sentence for the record')
    .option('--dry-run', 'show what would end, and change nothing')
    .option(
      '--confirm <code>',
      'the id of the target typed out; or, where CONFIRM_SECRET is set, the code of a preview',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', help())
    .action((options: Options) => revoke(process, options));
}

async function revoke(process: NodeJS.Process, options: Options): Promise<void> {
  const presentedToken = options.tokenStdin ? (await text(process.stdin)).trim() : undefined;
  const body = check(revocationBody, toBody(options, presentedToken));
  await withStore(process, async (store, config, origin) => {
    const policy = policyOf(config);
    const parts = { store, policy, confirmSecret: config.confirmSecret, now: Date.now };
    const read = await readOrder(store, policy, body, origin);
    const say = (wire: object) => {
      const notes = [...(wire as Noted).notes, ...remedyOf(read.order)];
      printer(process).show({ ...wire, notes }, options.json);
    };
    process.stderr.write(await hintOfNames(store, policy, read));
    if (body.dry_run) return say(await previewOrder(parts, read.order));
    await withNames(namedBy(read.order), async () => {
      await demandConfirmation(parts, read, body.confirm).catch((error) => {
        if (!(error instanceof Refusal) || error.code !== 'confirmation_required') throw error;
        say(error.members.preview as object);
        process.stderr.write(`To do it, add: --confirm ${quoted(read.typedIds[0] ?? '')}\n`);
        throw error;
      });
      const outcome = await revokeTarget(store, policy, read.order);
      if (outcome.status === 'refused') throw badParameter(outcome.parameter, outcome.problem);
      if ('seq' in outcome) say(outcomeToWire(outcome));
    });
  });
}

function help(): string {
  const givable = Object.entries(reasonRules).filter(([, { givenBy }]) => givenBy !== 'server');
  const lines = givable.map(([code, { means, ends }]) => `  ${code.padEnd(22)} ${means} (${ends})`);
  return `
Reasons (and what they usually end):
${lines.join('\n')}

Examples:
  revoke --subject u1 --reason credential_compromise --dry-run
  revoke --key THUMBPRINT --issuer https://as.example.com --reason key_compromise --confirm THUMBPRINT`;
}

/**
 * A hint where no token bears the target's name: it is misspelt, or --issuer is, or the server was given another PORT or
 * PUBLIC_URL, and so has another namespace than this command. None for issuers on record, as their JWTs need not be
 * registered; nor for keys of our own, as no registered token is found by its key; nor where to look would take long.
 */
async function hintOfNames(
  store: Store,
  { publicUrl }: Policy,
  { order: { target }, owners }: ReadOrder,
): Promise<string> {
  const { kind, issuer } = target;
  const isOwn = issuer === publicUrl;
  if (kind === 'key' && (isOwn || issuer === everyIssuer)) return '';
  const onRecord = await store.ask((facts) => facts.each(owners, (owner) => facts.issuer(owner)));
  if (onRecord.some((record) => record !== undefined)) return '';
  if (await mayBeBorne(store, target)) return '';
  if (kind === 'token')
    return 'This token is not registered here, nor of an issuer on record. If it is whole, it is dead all the same.\n';
  if (issuer === everyIssuer)
    return 'No registered token bears this name, of whatever issuer: see that it is spelt right.\n';
  return isOwn
    ? `No token of ${publicUrl} is known under this name. If the server was given PORT or PUBLIC_URL, give ` +
        "this command the same; for tokens of another issuer, --issuer URL, or --issuer '*' for all of them.\n"
    : 'No token of this issuer is known under this name, and the issuer is not on record: if --issuer is ' +
        'misspelt, tokens live on. See: issuer list\n';
}

/** No index finds the tokens of clients, issuers and jtis: a page covers 5,000 tokens, in 2 ms (SQLite) to 10 ms (Postgres). */
const pagesLookedAtMax = 100;

/** False if no registered token bears the name. */
async function mayBeBorne(store: Store, target: Target): Promise<boolean> {
  let after: readonly number[] = [];
  for (let page = 0; page < pagesLookedAtMax; page++) {
    const { tokens, next } = await store.listTokensUnder(target, after, 1);
    if (tokens.length > 0) return true;
    if (next === null) return false;
    after = next;
  }
  return true;
}

/** The body that POST /v1/revocations would be sent. */
function toBody(options: Options, token: string | undefined): object {
  const { subject, session, grant, client, key, kid, jti, tokenDigest, everything } = options;
  const { onlyClient, onlyUse } = options;
  const named = [
    subject !== undefined && { kind: 'subject', sub: subject, client_id: onlyClient, token_use: onlyUse },
    session !== undefined && { kind: 'session', session_id: session },
    grant !== undefined && { kind: 'grant', grant_id: grant },
    client !== undefined && { kind: 'client', client_id: client },
    key !== undefined && { kind: 'key', thumbprint: key },
    kid !== undefined && { kind: 'key', kid },
    jti !== undefined && { kind: 'jti', jti },
    tokenDigest !== undefined && { kind: 'token', token_digest: tokenDigest },
    token !== undefined && { kind: 'token', token },
    everything && { kind: 'issuer' },
  ].filter((target) => target !== false && target !== undefined);
  const [target] = named;
  if (target === undefined || named.length > 1)
    throw badParameter('target', 'must be named by exactly one option, such as --subject; see --help');
  if (key !== undefined && !sha256.safeParse(key).success)
    throw badParameter(
      '--key',
      'is an RFC 7638 thumbprint of 43 characters, as `issuer refresh-keys` shows it',
    );
  if (subject === undefined && (onlyClient !== undefined || onlyUse !== undefined))
    throw badParameter(onlyClient === undefined ? '--only-use' : '--only-client', 'goes with --subject');
  const { issuer, cutoff, reason, reasonText, dryRun, confirm } = options;
  return withoutAbsent({
    target: withoutAbsent({ ...target, issuer }),
    cutoff,
    reason,
    reason_text: reasonText,
    dry_run: dryRun,
    confirm,
  });
}

interface Noted {
  readonly notes: readonly string[];
}

/** The command to run next, which the API's note cannot name. */
function remedyOf({ target }: RevokeOrder): readonly string[] {
  return target.kind === 'client' ? [`Suspend it: client disable ${quoted(target.id)}`] : [];
}

/** Quoted for a shell. */
function quoted(id: string): string {
  return /^[\w.:/@%+-]+$/.test(id) ? id : `'${id.replaceAll("'", `'\\''`)}'`;
}
