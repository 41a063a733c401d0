// /.well-known/oauth-authorization-server (RFC 8414) and /jwks: how clients of the real authorization server find us.
// That server's metadata comes from settings or is fetched, and ours is added; without it there is no document, which
// would be invalid. The Host header changes nothing.
import type { JWK } from 'jose';
import { signingAlgorithms } from '../../domain/records/clients.ts';
import { asymmetricAlgorithms } from '../../domain/records/issuers.ts';
import { KeysUnavailable } from '../../domain/tokens/token-verifier.ts';
import { isObject } from '../../domain/values/json-values.ts';
import type { AuthMethod } from '../../domain/vocabulary.ts';
import type { SigningKeys } from '../../jwt/signing-keys.ts';
import type { Upstream, UpstreamMetadata } from '../../jwt/upstream.ts';
import { Refusal } from '../../wire/refusal.ts';
import type { Context } from '../context.ts';
import { respond } from '../respond.ts';

const metadataMaxAge = 'public, max-age=300';

export interface MetadataParts {
  readonly publicUrl: string;
  readonly authorizationServerIssuer: string;
  readonly upstream: Upstream | null;
  /** Null: answers are not signed. */
  readonly signingKeys: SigningKeys | null;
  /** How clients may authenticate here: certificates only behind a proxy that hands them over. */
  readonly authMethodsOffered: readonly AuthMethod[];
}

/** RFC 8414 §3: the well-known part comes before the issuer's path. */
export function metadataPath(issuer: string): string {
  return `/.well-known/oauth-authorization-server${new URL(issuer).pathname.replace(/\/$/, '')}`;
}

export function handleMetadata({
  publicUrl,
  authorizationServerIssuer: issuer,
  upstream,
  signingKeys,
  authMethodsOffered,
}: MetadataParts) {
  const confidential = authMethodsOffered.filter((method) => method !== 'none');
  const assertions = authMethodsOffered.includes('private_key_jwt') ? asymmetricAlgorithms : [];
  const ours = {
    issuer,
    revocation_endpoint: `${publicUrl}/revoke`,
    revocation_endpoint_auth_methods_supported: authMethodsOffered,
    revocation_endpoint_auth_signing_alg_values_supported: assertions,
    introspection_endpoint: `${publicUrl}/introspect`,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: assertions,
    introspection_signing_alg_values_supported: signingKeys ? signingAlgorithms : [],
    ...(signingKeys && { jwks_uri: `${publicUrl}/jwks` }),
  };

  return {
    async metadata(ctx: Context): Promise<void> {
      if (!upstream)
        throw new Refusal(
          'not_found',
          'the metadata of the authorization server is not set; see AUTHORIZATION_SERVER_METADATA',
        );
      const theirs = withoutOurs(await upstream.metadata().catch(cannotBeFetched));
      ctx.set('Cache-Control', metadataMaxAge);
      respond(ctx, 200, withoutEmpty({ ...theirs, ...ours }));
    },

    /** Clients now look up the authorization server's keys here, so its keys are listed with ours. */
    async jwks(ctx: Context): Promise<void> {
      if (!signingKeys) throw new Refusal('not_found', 'answers are not signed here');
      const theirs: readonly JWK[] = upstream ? await upstream.keys().catch(cannotBeFetched) : [];
      const keys = [...(await signingKeys.published()), ...theirs];
      // Not before all is there: a failure must not be kept for five minutes (RFC 9111 §3).
      ctx.set('Cache-Control', metadataMaxAge);
      respond(ctx, 200, { keys }, 'application/jwk-set+json');
    },
  };
}

/** The log already says what failed and why; no token is concerned. */
function cannotBeFetched(error: unknown): never {
  if (!(error instanceof KeysUnavailable)) throw error;
  const headers = { 'Retry-After': String(error.retryAfterSeconds) };
  const message = "the authorization server's metadata or keys cannot be fetched, try again";
  throw new Refusal('temporarily_unavailable', message, { headers });
}

/**
 * Drops what the server says of its own revocation and introspection: a client with a certificate would prefer its
 * aliases of these endpoints (RFC 8705 §5), and no answer of ours is encrypted (RFC 9701 §7).
 */
function withoutOurs(metadata: UpstreamMetadata): Record<string, unknown> {
  const {
    signed_metadata: _signed,
    introspection_encryption_alg_values_supported: _alg,
    introspection_encryption_enc_values_supported: _enc,
    mtls_endpoint_aliases: aliases,
    ...theirs
  } = metadata;
  if (!isObject(aliases)) return theirs;
  const { revocation_endpoint: _revocation, introspection_endpoint: _introspection, ...others } = aliases;
  return Object.keys(others).length === 0 ? theirs : { ...theirs, mtls_endpoint_aliases: others };
}

/** RFC 8414 §3.2: claims with zero elements must be omitted. */
function withoutEmpty(document: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown) => value === null || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(document).filter(([, value]) => !isEmpty(value)));
}
