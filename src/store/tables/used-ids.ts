// The table `used_ids`: the digests of ids that count once, as those of client assertions and of signals do.
import type { Knex } from 'knex';
import type { Digest } from '../../domain/claims.ts';
import type { UsedId } from '../../domain/store.ts';
import { readsOf, type Table, writesOf } from '../dialect.ts';

const table: Table<{ digest: Buffer }> = { name: 'used_ids', columns: ['digest'] };

export async function findUsedIds(db: Knex, digests: readonly Digest[]): Promise<Digest[]> {
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'));
  const found = await readsOf(db).findRowsByKey(table, 'digest', keys);
  return found.map(({ digest }) => digest.toString('hex'));
}

export async function insertUsedIds(db: Knex, ids: readonly UsedId[]): Promise<void> {
  const rows = ids.map(({ digest, kind, expiresAt }) => ({
    digest: Buffer.from(digest, 'hex'),
    kind,
    expires_at: expiresAt,
  }));
  await writesOf(db).insertMany('used_ids', rows);
}
