// The table `audit_seals`: append-only, and never purged. Seals are checked by the public keys; the key that signs is
// never in a database.
import type { Knex } from 'knex';
import type { StoredSeal } from '../../domain/upkeep-store.ts';

interface SealRow {
  number: number;
  first_seq: number;
  last_seq: number;
  last_at: number;
  sealed_at: number;
  jws: string;
}

/** One statement, so that writers wait for one short commit. */
export async function appendSeals(db: Knex, seals: readonly StoredSeal[]): Promise<void> {
  const rows = seals.map((seal) => ({
    number: seal.number,
    first_seq: seal.first,
    last_seq: seal.last,
    last_at: seal.lastAt,
    sealed_at: seal.sealedAt,
    jws: seal.jws,
  }));
  await db<SealRow>('audit_seals').insert(rows);
}

export async function findLastSeal(db: Knex): Promise<StoredSeal | undefined> {
  const row: SealRow | undefined = await db<SealRow>('audit_seals').orderBy('number', 'desc').first();
  return row && toSeal(row);
}

export async function findSealOf(db: Knex, seq: number): Promise<StoredSeal | undefined> {
  const row: SealRow | undefined = await db<SealRow>('audit_seals')
    .where('last_seq', '>=', seq)
    .orderBy('last_seq')
    .first();
  return row && row.first_seq <= seq ? toSeal(row) : undefined;
}

export async function listSeals(db: Knex, after: number, limit: number): Promise<StoredSeal[]> {
  const rows: SealRow[] = await db<SealRow>('audit_seals')
    .where('number', '>', after)
    .orderBy('number')
    .limit(limit);
  return rows.map(toSeal);
}

/** The last event of the oldest seals that hold only events from before `before`; 0 when there are none. */
export async function findSealedBefore(db: Knex, before: number): Promise<number> {
  const young: { first?: number | null } | undefined = await db('audit_seals')
    .where('last_at', '>=', before)
    .min({ first: 'number' })
    .first();
  const old = db('audit_seals').max({ last: 'last_seq' });
  if (typeof young?.first === 'number') old.where('number', '<', young.first);
  const found: { last?: number | null } | undefined = await old.first();
  return found?.last ?? 0;
}

function toSeal(row: SealRow): StoredSeal {
  return {
    number: row.number,
    first: row.first_seq,
    last: row.last_seq,
    lastAt: row.last_at,
    sealedAt: row.sealed_at,
    jws: row.jws,
  };
}
