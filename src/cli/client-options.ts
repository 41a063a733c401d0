// The options that `client create` and `client update` share, by the member of a client that each sets.
import { authMethods, permissions } from '../domain/vocabulary.ts';
import { cacheMaxAgeMax } from '../wire/clients.ts';
import type { MemberOptions } from './member-options.ts';
import { readJsonFile, toInteger } from './options.ts';

export const clientOptions: MemberOptions = {
  client_name: ['--name <name>', 'client_name'],
  token_endpoint_auth_method: [
    '--auth-method <method>',
    `one of: ${authMethods.join(', ')} (default: client_secret_basic)`,
  ],
  permissions: ['--permission <permission...>', `any of: ${permissions.join(', ')}`],
  audiences: ['--audience <audience...>', 'resource identifier whose tokens it may introspect'],
  allowed_origins: ['--origin <origin...>', 'browser origin that may call /revoke and /logout'],
  issuers: ['--issuer <issuer...>', 'issuer it may register tokens for (default: PUBLIC_URL)'],
  cascade: ['--cascade <what>', 'grant: revoking an access token ends its grant (default: token)'],
  logout_scope: [
    '--logout-scope <scope>',
    'all: its tokens may log their user out everywhere (default: current)',
  ],
  cache_max_age: [
    '--cache-max-age <seconds>',
    `0 to ${cacheMaxAgeMax}: how long it may trust an introspection answer`,
    { parse: toInteger },
  ],
  jwks: [
    '--jwks-file <file>',
    'its public keys, as a JWK set (private_key_jwt, self_signed_tls_client_auth)',
    { read: (file: string) => readJsonFile('--jwks-file', file) },
  ],
  jwks_uri: ['--jwks-uri <url>', 'fetch its public keys from here'],
  tls_client_auth_subject_dn: [
    '--tls-subject-dn <dn>',
    'subject of its certificate (tls_client_auth), as in RFC 4514',
  ],
  tls_client_auth_san_dns: ['--tls-san-dns <name>', 'DNS name in its certificate (tls_client_auth)'],
  tls_client_auth_san_uri: ['--tls-san-uri <uri>', 'URI in its certificate (tls_client_auth)'],
  tls_client_auth_san_ip: ['--tls-san-ip <address>', 'IP address in its certificate (tls_client_auth)'],
  tls_client_auth_san_email: [
    '--tls-san-email <address>',
    'e-mail address in its certificate (tls_client_auth)',
  ],
  scope: ['--scope <scopes>', 'signed introspection answers show it these scopes alone, separated by spaces'],
  introspection_signed_response_alg: [
    '--introspection-alg <alg>',
    'signs introspection answers for it: RS256 (default), ES256',
  ],
};
