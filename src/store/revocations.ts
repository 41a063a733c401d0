// The table `revocations`: append-only, in commit order.
import type { Knex } from 'knex';
import type { NewRevocation, Revocation } from '../domain/cutoffs.ts';
import { type TargetKey, targetKey } from '../domain/targets.ts';
import { insertRows } from './insert-rows.ts';

interface CoverageRow {
  key: Buffer;
  except_key: Buffer | null;
  cutoff: number;
  reason: string;
}

/** Per key and exception the row that reaches furthest: the others cannot change a verdict. */
export async function listCoverage(db: Knex, keys: readonly TargetKey[]): Promise<Revocation[]> {
  const rows: CoverageRow[] = await db('revocations')
    .whereIn(
      'key',
      keys.map((key) => Buffer.from(key, 'hex')),
    )
    .groupBy('key', 'except_key')
    .select('key', 'except_key')
    .max({ cutoff: 'cutoff', reason: 'reason' });
  return rows.map((row) => ({
    key: row.key.toString('hex'),
    exceptKey: row.except_key?.toString('hex') ?? null,
    cutoff: row.cutoff,
    reason: row.reason,
  }));
}

/** The keys of the rows with `after` < seq <= `upTo`. */
export async function listKeys(db: Knex, after: number, upTo: number): Promise<Buffer[]> {
  return db('revocations').where('seq', '>', after).andWhere('seq', '<=', upTo).pluck('key');
}

export async function appendRevocations(
  db: Knex,
  revocations: readonly NewRevocation[],
  seqBefore: number,
  now: number,
): Promise<void> {
  const rows = revocations.map((revocation, n) => ({
    seq: seqBefore + 1 + n,
    key: Buffer.from(targetKey(revocation.target), 'hex'),
    cutoff: revocation.cutoff,
    except_key: revocation.exceptKey === null ? null : Buffer.from(revocation.exceptKey, 'hex'),
    kind: revocation.target.kind,
    issuer: revocation.target.issuer,
    target_id: revocation.target.id,
    reason: revocation.reason,
    revoked_at: now,
    purge_after: revocation.purgeAfter,
  }));
  await insertRows(db, 'revocations', rows);
}
