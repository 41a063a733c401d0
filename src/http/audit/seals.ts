// GET /v1/audit/seals and /v1/audit/seal-keys: what it takes to check the trail without trusting us. The
// public keys need no permission: they prove nothing but what was signed.
import type { JSONWebKeySet } from 'jose';
import { timeOf } from '../../wire/time.ts';
import type { Context } from '../context.ts';
import { badCursor, readCursor, readLimit, readQuery, respondPage } from '../reading/query.ts';
import { respond } from '../respond.ts';
import type { AuditParts } from './events.ts';

export interface SealParts extends AuditParts {
  /** The public key in use and every retired one. */
  readonly publicSealKeys: () => Promise<JSONWebKeySet>;
}

export function handleSeals({ store, auth, publicSealKeys }: SealParts) {
  return {
    async listSeals(ctx: Context): Promise<void> {
      await auth.permit(ctx, 'audit');
      const query = readQuery(ctx, ['limit', 'cursor']);
      const limit = readLimit(query);
      const [after] = readCursor(query, 'seals') ?? [0];
      if (!Number.isSafeInteger(after) || (after as number) < 0) throw badCursor();
      const seals = await store.upkeep.listSeals(after as number, limit + 1);
      respondPage(
        ctx,
        seals,
        limit,
        ({ number }) => [number, 'seals'],
        (seal) => ({
          number: seal.number,
          first_event: String(seal.first),
          last_event: String(seal.last),
          sealed_at: timeOf(seal.sealedAt * 1000),
          seal: seal.jws,
        }),
      );
    },

    async listSealKeys(ctx: Context): Promise<void> {
      readQuery(ctx, []);
      respond(ctx, 200, await publicSealKeys());
    },
  };
}
