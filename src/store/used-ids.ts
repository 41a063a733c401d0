// The table `used_ids`: ids that count once, by digest.
import type { Knex } from 'knex';
import type { Digest } from '../domain/claims.ts';
import type { UsedId } from '../domain/store.ts';
import { insertRows } from './insert-rows.ts';

export async function findUsedIds(db: Knex, digests: readonly Digest[]): Promise<Digest[]> {
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'));
  const found: Buffer[] = await db('used_ids').whereIn('digest', keys).pluck('digest');
  return found.map((digest) => digest.toString('hex'));
}

export async function insertUsedIds(db: Knex, ids: readonly UsedId[]): Promise<void> {
  const rows = ids.map(({ digest, kind, expiresAt }) => ({
    digest: Buffer.from(digest, 'hex'),
    kind,
    expires_at: expiresAt,
  }));
  await insertRows(db, 'used_ids', rows);
}
