// The settings that the rules depend on.

export interface Policy {
  /** Our identifier, and the namespace of tokens without `iss`. */
  readonly publicUrl: string;
  /** How far ahead of our clock an issuer's may be, in milliseconds. */
  readonly clockSkewMs: number;
  /** No token lives longer than this. */
  readonly lifetimeDaysMax: number;
  /** For how long a refresh token that was just replaced may be presented again by a client that retries. */
  readonly refreshGraceMs: number;
}

/** How long tokens may live, for code that needs no more of the policy. */
export type LifetimePolicy = Pick<Policy, 'lifetimeDaysMax'>;

/** From the settings, whose units differ. */
export function policyOf(config: {
  publicUrl: string;
  clockSkewSeconds: number;
  tokenLifetimeDaysMax: number;
  refreshTokenGraceSeconds: number;
}): Policy {
  return {
    publicUrl: config.publicUrl,
    clockSkewMs: config.clockSkewSeconds * 1000,
    lifetimeDaysMax: config.tokenLifetimeDaysMax,
    refreshGraceMs: config.refreshTokenGraceSeconds * 1000,
  };
}
