// CORS for browser apps at /revoke and /logout: an origin that some enabled client lists is echoed, on
// success, error and preflight alike; never `*`, never with credentials.
import type { ClientDirectory } from './auth/client-directory.ts';
import type { Context, Next } from './context.ts';
import { checkHeaderFields } from './reading/header-fields.ts';

const preflightSeconds = '600';

export function cors(clients: ClientDirectory) {
  return async function cors(ctx: Context, next: Next): Promise<void> {
    ctx.vary('Origin');
    const origin = ctx.get('origin');
    const isAllowed = origin !== '' && (await clients.allowsOrigin(origin));
    if (isAllowed) {
      ctx.set('Access-Control-Allow-Origin', origin);
      ctx.set('Access-Control-Expose-Headers', 'X-Request-Id, Retry-After, WWW-Authenticate, Revocation-Seq');
    }
    if (ctx.method !== 'OPTIONS') return void (await next());
    checkHeaderFields(ctx.req);
    if (isAllowed) {
      ctx.set('Access-Control-Allow-Methods', 'POST');
      ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-Request-Id');
      ctx.set('Access-Control-Max-Age', preflightSeconds);
    }
    ctx.status = 204;
  };
}
