// What the API calls a member, the command line calls an option: messages of refusals are shown in the words of options.

/** The API's member names as the options that set them. A nested member is found by its longest known beginning. */
const options: Readonly<Record<string, string>> = {
  client_id: '--id',
  client_name: '--name',
  token_endpoint_auth_method: '--auth-method',
  permissions: '--permission',
  audiences: '--audience',
  allowed_origins: '--origin',
  issuers: '--issuer',
  cascade: '--cascade',
  logout_scope: '--logout-scope',
  cache_max_age: '--cache-max-age',
  client_secret: '--secret-stdin',
  tls_client_auth_subject_dn: '--tls-subject-dn',
  tls_client_auth_san_dns: '--tls-san-dns',
  tls_client_auth_san_uri: '--tls-san-uri',
  tls_client_auth_san_ip: '--tls-san-ip',
  tls_client_auth_san_email: '--tls-san-email',
  scope: '--scope',
  introspection_signed_response_alg: '--introspection-alg',
  overlap_seconds: '--overlap',
  issuer: '--issuer',
  discovery: '--discover',
  jwks_uri: '--jwks-uri',
  jwks: '--jwks-file',
  algorithms: '--alg',
  types: '--type',
  'claims.user': '--user-claim',
  'claims.client': '--client-claim',
  'claims.session': '--session-claim',
  'claims.grant': '--grant-claim',
  default_client: '--default-client',
  default_audience: '--default-audience',
  refresh_marker: '--refresh-marker',
  scope_permissions: '--scope-permission',
  reach: '--reach',
  'inbox.kinds': '--inbox',
  'inbox.audience': '--inbox-audience',
  'inbox.governs': '--inbox-governs',
  'inbox.subject_formats': '--inbox-subject-format',
  'target.sub': '--subject',
  'target.session_id': '--session',
  'target.grant_id': '--grant',
  'target.client_id': '--client or --only-client',
  'target.token_use': '--only-use',
  'target.jti': '--jti',
  'target.kid': '--kid',
  'target.thumbprint': '--key',
  'target.token_digest': '--token-digest',
  'target.token': '--token-stdin',
  'target.issuer': '--issuer',
  cutoff: '--cutoff',
  reason: '--reason',
  reason_text: '--reason-text',
  confirm: '--confirm',
};

/**
 * Replaces the API's names by options: at the beginning of the message any, elsewhere only those that cannot be
 * English words.
 */
export function inOptions(message: string): string {
  return message.replace(/(?<![-\w.])[a-z][\w.]*(?=[ ,;:)]|$)/g, (word, at: number) =>
    at === 0 || word.includes('_') || word === 'jwks' || word === 'discovery'
      ? (optionOf(word) ?? word)
      : word,
  );
}

function optionOf(word: string): string | undefined {
  const parts = word.split('.');
  for (let length = parts.length; length > 0; length--) {
    const option = options[parts.slice(0, length).join('.')];
    if (option !== undefined) return option;
  }
  return undefined;
}
