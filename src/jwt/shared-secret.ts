// Trust in tokens that are signed with a secret we share (JWT_SECRET): home-made logins, often without
// `iss`, `jti` or client. Only HS256, and never a token that names an issuer on record.
import { calculateJwkThumbprint } from 'jose';
import { type JwtReading, usualClaimNames, usualTypes } from '../domain/records/issuers.ts';

export interface SharedSecretSettings {
  /** Several while they are rotated. */
  readonly secrets: readonly string[];
  /** The `iss` that such tokens may have; they may also have none. */
  readonly issuers: readonly string[];
  readonly audience: string | null;
  readonly client: string | null;
}

export interface SharedSecretTrust {
  readonly keys: readonly { readonly secret: Uint8Array; readonly thumbprint: string }[];
  readonly issuers: readonly string[];
  readonly reading: JwtReading;
}

export async function trustSharedSecret(settings: SharedSecretSettings): Promise<SharedSecretTrust> {
  const keys = settings.secrets.map(async (text) => {
    const secret = Buffer.from(text, 'utf8');
    const thumbprint = await calculateJwkThumbprint({ kty: 'oct', k: secret.toString('base64url') });
    return { secret, thumbprint };
  });
  return {
    keys: await Promise.all(keys),
    issuers: settings.issuers,
    reading: {
      types: usualTypes,
      audiences: [],
      claims: usualClaimNames,
      defaultClient: settings.client,
      defaultAudience: settings.audience,
      refreshMarker: null,
    },
  };
}
