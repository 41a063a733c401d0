// The table `idempotency_keys`: the outcomes of orders that may be repeated.
import type { Knex } from 'knex';
import type { Digest } from '../../domain/claims.ts';
import type { EarlierOutcome, KeepOutcome } from '../../domain/store.ts';
import { writesOf } from '../dialect.ts';

interface KeyRow {
  key_digest: Buffer;
  request_digest: Buffer;
  outcome: string;
  expires_at: number;
}

export async function findOutcomes(
  db: Knex,
  keyDigests: readonly Digest[],
  now: number,
): Promise<[Digest, EarlierOutcome][]> {
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

/** Takes the place of an expired row. */
const replace = `on conflict (key_digest) do update
  set request_digest = excluded.request_digest, outcome = excluded.outcome, expires_at = excluded.expires_at`;

export interface KeptOutcome extends KeepOutcome {
  readonly outcome: unknown;
}

export async function insertOutcomes(db: Knex, kept: readonly KeptOutcome[]): Promise<void> {
  const rows = kept.map(
    ({ keyDigest, requestDigest, outcome, expiresAt }): KeyRow => ({
      key_digest: Buffer.from(keyDigest, 'hex'),
      request_digest: Buffer.from(requestDigest, 'hex'),
      outcome: JSON.stringify(outcome),
      expires_at: expiresAt,
    }),
  );
  await writesOf(db).insertMany('idempotency_keys', rows, replace);
}
