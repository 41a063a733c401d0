// What an issuer registers when a user logs in on a device: a refresh token and an access token that share a
// grant and a session.
import type { TestApp } from './app.ts';
import type { TestClient } from './requests.ts';

export interface Login {
  readonly refresh: string;
  readonly access: string;
}

export interface Device {
  readonly sub?: string | number;
  readonly session_id?: string;
  readonly grant_id?: string;
  readonly [member: string]: unknown;
}

export async function logIn(app: TestApp, client: TestClient, device: Device = {}): Promise<Login> {
  const name = app.newToken('device').slice(-8);
  const shared = {
    client_id: client.client_id,
    sub: 'u1',
    session_id: `s-${name}`,
    grant_id: `g-${name}`,
    ...device,
  };
  const refresh = await app.register({ ...shared, token_use: 'refresh_token', aud: undefined });
  return { refresh, access: await app.register(shared) };
}

/** Registers the successor of a refresh token. */
export function rotate(app: TestApp, { client_id }: TestClient, replaces: string): Promise<string> {
  return app.register({ client_id, token_use: 'refresh_token', aud: undefined, replaces });
}

/** Which of these tokens are active, in their order. */
export async function activity(app: TestApp, tokens: readonly string[]): Promise<boolean[]> {
  return Promise.all(tokens.map((token) => app.isActive(token)));
}

/** What /logout answers when the login of u1 was ended, but for `data`. */
export function loggedOut(app: TestApp, data: object = {}) {
  return {
    success: true,
    message: 'Logged out successfully',
    data: {
      status: 'logged_out',
      reason: 'user_initiated_logout',
      scope: 'current',
      user_id: 'u1',
      revoked_at: new Date(app.clock.now).toISOString(),
      sessions_ended: 1,
      ...data,
    },
  };
}
