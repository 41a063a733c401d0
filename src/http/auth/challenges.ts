// The WWW-Authenticate headers of refusals (RFC 9110 §11.6.1): how a caller may authenticate here, and what was wrong
// with the bearer token that it brought (RFC 6750 §3.1).

const realm = 'realm="revocation-server"';

export const basicChallenge = { 'WWW-Authenticate': `Basic ${realm}, charset="UTF-8"` };
/** Where both are taken and nothing came (RFC 6750 §3). */
export const eitherChallenge = { 'WWW-Authenticate': `Basic ${realm}, charset="UTF-8", Bearer ${realm}` };
export const bearerChallenge = { 'WWW-Authenticate': `Bearer ${realm}` };
export const invalidTokenChallenge = { 'WWW-Authenticate': `Bearer ${realm}, error="invalid_token"` };
/** Of every 403 to a bearer: its token gives no access to that (RFC 6750 §3). */
export const insufficientScopeChallenge = {
  'WWW-Authenticate': `Bearer ${realm}, error="insufficient_scope"`,
};
