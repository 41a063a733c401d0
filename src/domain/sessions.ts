// A session is one login of one user on one device; a grant is the authorization that a refresh token and its access
// tokens share. Where rules treat both alike, each is called a unit. Both are first seen, and so created, when a token
// that names them is registered.

export interface Session {
  readonly sessionId: string;
  readonly issuer: string;
  readonly subject: string | null;
  readonly clientId: string;
  readonly createdAt: number;
  readonly lastActiveAt: number;
  readonly expiresAt: number;
  readonly userAgent: string | null;
  readonly ip: string | null;
}

/** The owner of a grant, as the first token registered under it names it. */
export interface Grant {
  readonly grantId: string;
  readonly issuer: string;
  readonly subject: string | null;
  readonly clientId: string | null;
}
