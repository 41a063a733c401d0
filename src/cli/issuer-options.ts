// The options that `issuer add` and `issuer update` share, and which members of an issuer, as the API names them, they
// set.
import type { Command } from 'commander';
import { inboxKinds } from '../domain/records/issuers.ts';
import { withoutAbsent } from '../domain/values/json-values.ts';
import { badParameter } from '../wire/refusal.ts';
import { collect, readJsonFile } from './options.ts';

export interface IssuerOptions {
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

export function withIssuerOptions(command: Command): Command {
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

/** Those that are given. */
export async function issuerMembersIn(options: IssuerOptions): Promise<Record<string, unknown>> {
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
    keep_offline: options.inboxEndsOffline ? false : undefined,
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
