// The options that `issuer add` and `issuer update` share, by the member of an issuer that each sets.
import { inboxKinds } from '../domain/records/issuers.ts';
import { badParameter } from '../wire/refusal.ts';
import type { MemberOptions } from './member-options.ts';
import { readJsonFile } from './options.ts';

export const issuerOptions: MemberOptions = {
  discovery: ['--discover', 'find its keys through its metadata (RFC 8414, OpenID Connect Discovery)'],
  jwks_uri: ['--jwks-uri <url>', 'fetch its keys from here'],
  jwks: [
    '--jwks-file <file>',
    'its public keys, as a JWK set',
    { read: (file: string) => readJsonFile('--jwks-file', file) },
  ],
  algorithms: ['--alg <alg...>', 'algorithms to accept'],
  types: ['--type <typ...>', 'header `typ` values of its tokens (default: at+jwt, JWT)'],
  audiences: ['--audience <audience...>', 'accept only tokens that name one of these'],
  'claims.user': ['--user-claim <claim...>', 'claims that hold the user id (default: sub, id, uid)'],
  'claims.client': ['--client-claim <claim...>', 'claims that hold the client (default: client_id, azp)'],
  'claims.session': ['--session-claim <claim...>', 'claims that hold the session (default: sid)'],
  'claims.grant': ['--grant-claim <claim...>', 'claims that hold the grant (default: grant_id)'],
  default_client: ['--default-client <client_id>', 'client of tokens that name none'],
  default_audience: ['--default-audience <audience>', 'audience of tokens that name none'],
  refresh_marker: ['--refresh-marker <claim=value>', 'what marks its refresh tokens', { read: toMarker }],
  reuses_ids: ['--reuses-ids', 'its session and grant ids come back across logins'],
  scope_permissions: [
    '--scope-permission <scope=permission...>',
    'what bearers of a scope may do here',
    { read: toScopePermissions },
  ],
  reach: ['--reach <reach>', "own: its bearers reach this issuer's data only (default); all"],
  'inbox.kinds': ['--inbox <kind...>', `what it may send to end logins: ${inboxKinds.join(', ')}`],
  'inbox.audience': [
    '--inbox-audience <aud>',
    'the `aud` of what it sends; for back-channel logout the client',
  ],
  'inbox.governs': ['--inbox-governs <issuer...>', 'whose tokens it ends (default: its own)'],
  'inbox.keep_offline': [
    '--inbox-ends-offline',
    'back-channel logout ends tokens of scope offline_access, too',
    { read: () => false },
  ],
  'inbox.subject_formats': [
    '--inbox-subject-format <format...>',
    'how it may name users beside iss_sub: email, account',
  ],
};

function toMarker(text: string): object {
  const [claim, value] = splitPair(text, '--refresh-marker', 'claim=value');
  return { claim, value };
}

function toScopePermissions(pairs: readonly string[]): object {
  const permissions = new Map<string, string[]>();
  for (const pair of pairs) {
    const [scope, permission] = splitPair(pair, '--scope-permission', 'scope=permission');
    permissions.set(scope, [...(permissions.get(scope) ?? []), permission]);
  }
  return Object.fromEntries(permissions);
}

/** Splits at the last `=`: scopes may contain one, permissions do not. */
function splitPair(text: string, option: string, form: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw badParameter(option, `is written as ${form}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
