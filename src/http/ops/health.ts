// For operators: is the server alive, is it ready, which version is it?
import type { Store } from '../../domain/store.ts';
import type { Context } from '../context.ts';
import { respond, retryAfterSeconds } from '../respond.ts';

export interface HealthParts {
  readonly store: Store;
  /** The server has been told to stop and takes no new work. */
  readonly isDraining: () => boolean;
  readonly version: string;
  readonly nodeVersion: string;
}

export function handleHealth({ store, isDraining, version, nodeVersion }: HealthParts) {
  let looking: ReturnType<Store['findFaults']> | undefined;
  /** Concurrent callers share one check, as anybody may ask. */
  const findFaults = () => {
    looking ??= store.findFaults().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const refuse = (ctx: Context, checks: Readonly<Record<string, string>>) => {
    ctx.set('Retry-After', retryAfterSeconds);
    respond(ctx, 503, { status: 'not_ready', checks });
  };
  return {
    async alive(ctx: Context): Promise<void> {
      respond(ctx, 200, { status: 'alive' });
    },

    async ready(ctx: Context): Promise<void> {
      if (isDraining()) return refuse(ctx, { server: 'stopping' });
      const faults = await findFaults();
      const checks = { database: 'ok', migrations: 'ok', ...faults };
      if (Object.keys(faults).length > 0) return refuse(ctx, checks);
      respond(ctx, 200, { status: 'ready', checks });
    },

    async version(ctx: Context): Promise<void> {
      respond(ctx, 200, { name: 'revocation-server', version, node: nodeVersion });
    },
  };
}
