// The table `idempotency_keys`: what came of orders that may be repeated. Expired rows go when new ones come.
import type { Knex } from 'knex';
import type { Digest } from '../domain/claims.ts';
import type { Remember, Remembered } from '../domain/store.ts';

interface KeyRow {
  key_digest: Buffer;
  request_digest: Buffer;
  outcome: string;
  expires_at: number;
}

export async function findRemembered(
  db: Knex,
  keyDigests: readonly Digest[],
  now: number,
): Promise<[Digest, Remembered][]> {
  const rows: KeyRow[] = await db('idempotency_keys')
    .whereIn(
      'key_digest',
      keyDigests.map((digest) => Buffer.from(digest, 'hex')),
    )
    .andWhere('expires_at', '>', now);
  return rows.map((row) => [
    row.key_digest.toString('hex'),
    { requestDigest: row.request_digest.toString('hex'), outcome: JSON.parse(row.outcome) },
  ]);
}

export async function insertRemembered(
  db: Knex,
  kept: readonly (Remember & { readonly outcome: unknown })[],
  now: number,
): Promise<void> {
  if (kept.length === 0) return;
  await db('idempotency_keys').where('expires_at', '<=', now).delete();
  for (const { keyDigest, requestDigest, outcome, expiresAt } of kept) {
    const row: KeyRow = {
      key_digest: Buffer.from(keyDigest, 'hex'),
      request_digest: Buffer.from(requestDigest, 'hex'),
      outcome: JSON.stringify(outcome),
      expires_at: expiresAt,
    };
    await db('idempotency_keys').insert(row);
  }
}
