// Helpers of the tests of inboxes: an issuer whose record has them all, and its logout tokens.
import type { TestApp } from './app.ts';
import { TestIssuer } from './issuer.ts';

export const inboxKinds = ['backchannel_logout', 'global_token_revocation', 'security_events'];
export const logoutEvents = { 'http://schemas.openid.net/event/backchannel-logout': {} };
export const sessionRevoked = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
export const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification';

export function trustWithInbox(app: TestApp, inbox: object = {}): Promise<TestIssuer> {
  return TestIssuer.inline(app, { inbox: { kinds: inboxKinds, audience: 'web', ...inbox } });
}

/** A logout token as Keycloak writes it. */
export const logoutToken = (
  issuer: TestIssuer,
  claims: object = {},
  header: object = { typ: 'logout+jwt' },
) =>
  issuer.sign(
    { aud: 'web', jti: issuer.app.newToken('jti'), events: logoutEvents, ...claims },
    { ...header },
  );

export const sendLogoutToken = (app: TestApp, token: string) =>
  app.form('/backchannel-logout', { logout_token: token });
