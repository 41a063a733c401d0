// The options that `client create` and `client update` share, and which members of a client, as the API names them,
// they set.
import { type Command, InvalidArgumentError } from 'commander';
import { withoutAbsent } from '../domain/values/json-values.ts';
import { authMethods, permissions } from '../domain/vocabulary.ts';
import { cacheMaxAgeMax } from '../wire/clients.ts';
import { collect, readJsonFile } from './options.ts';

export interface ClientOptions {
  name?: string;
  authMethod?: string;
  permission?: string[];
  audience?: string[];
  origin?: string[];
  issuer?: string[];
  cascade?: string;
  logoutScope?: string;
  cacheMaxAge?: number;
  jwksFile?: string;
  jwksUri?: string;
  tlsSubjectDn?: string;
  tlsSanDns?: string;
  tlsSanUri?: string;
  tlsSanIp?: string;
  tlsSanEmail?: string;
  scope?: string;
  introspectionAlg?: string;
  json?: boolean;
}

export function withClientOptions(command: Command): Command {
  return command
    .option('--name <name>', 'client_name')
    .option('--auth-method <method>', `one of: ${authMethods.join(', ')} (default: client_secret_basic)`)
    .option('--permission <permission...>', `any of: ${permissions.join(', ')}`, collect)
    .option('--audience <audience...>', 'resource identifier whose tokens it may introspect', collect)
    .option('--origin <origin...>', 'browser origin that may call /revoke and /logout', collect)
    .option('--issuer <issuer...>', 'issuer it may register tokens for (default: PUBLIC_URL)', collect)
    .option('--cascade <what>', 'grant: revoking an access token ends its grant (default: token)')
    .option('--logout-scope <scope>', 'all: its tokens may log their user out everywhere (default: current)')
    .option(
      '--cache-max-age <seconds>',
      `0 to ${cacheMaxAgeMax}: how long it may trust an introspection answer`,
      toInteger,
    )
    .option(
      '--jwks-file <file>',
      'its public keys, as a JWK set (private_key_jwt, self_signed_tls_client_auth)',
    )
    .option('--jwks-uri <url>', 'fetch its public keys from here')
    .option('--tls-subject-dn <dn>', 'subject of its certificate (tls_client_auth), as in RFC 4514')
    .option('--tls-san-dns <name>', 'DNS name in its certificate (tls_client_auth)')
    .option('--tls-san-uri <uri>', 'URI in its certificate (tls_client_auth)')
    .option('--tls-san-ip <address>', 'IP address in its certificate (tls_client_auth)')
    .option('--tls-san-email <address>', 'e-mail address in its certificate (tls_client_auth)')
    .option(
      '--scope <scopes>',
      'signed introspection answers show it these scopes alone, separated by spaces',
    )
    .option('--introspection-alg <alg>', 'signs introspection answers for it: RS256 (default), ES256')
    .option('--json', 'print one JSON object');
}

/** Those that are given. */
export async function clientMembersIn(options: ClientOptions): Promise<Record<string, unknown>> {
  return withoutAbsent({
    client_name: options.name,
    token_endpoint_auth_method: options.authMethod,
    permissions: options.permission,
    audiences: options.audience,
    allowed_origins: options.origin,
    issuers: options.issuer,
    cascade: options.cascade,
    logout_scope: options.logoutScope,
    cache_max_age: options.cacheMaxAge,
    jwks: options.jwksFile === undefined ? undefined : await readJsonFile('--jwks-file', options.jwksFile),
    jwks_uri: options.jwksUri,
    tls_client_auth_subject_dn: options.tlsSubjectDn,
    tls_client_auth_san_dns: options.tlsSanDns,
    tls_client_auth_san_uri: options.tlsSanUri,
    tls_client_auth_san_ip: options.tlsSanIp,
    tls_client_auth_san_email: options.tlsSanEmail,
    scope: options.scope,
    introspection_signed_response_alg: options.introspectionAlg,
  });
}

export function toInteger(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}
