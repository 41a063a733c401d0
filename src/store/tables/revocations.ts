// The table `revocations`: append-only, in commit order. And `cutoffs`, what verdicts need of the rows that
// are not final: however often a user was logged out everywhere, it holds a handful of rows for them. How rows are
// written and read is in revocation-rows.ts.
import type { Knex } from 'knex';
import { forever, type LoggedRevocation, type Revocation } from '../../domain/cutoffs.ts';
import type { RevocationFilter } from '../../domain/listings.ts';
import { everyIssuer, type TargetKey, type TargetKind, targetKinds } from '../../domain/targets.ts';
import { readsOf, type Table, writesOf } from '../dialect.ts';
import {
  type CoverageRow,
  type LogRow,
  type NumberedRevocation,
  revocationToCutoffRow,
  revocationToRow,
  rowToLogged,
  rowToRevocation,
  toBytes,
} from './revocation-rows.ts';

const decisiveColumns: Table<CoverageRow>['columns'] = [
  'seq',
  'key',
  'cutoff',
  'except_key',
  'only_client_id',
  'only_use',
  'only_online',
  'reason',
  'revoked_at',
];
const revocationsTable: Table<CoverageRow> = { name: 'revocations', columns: decisiveColumns };
const cutoffsTable: Table<CoverageRow> = { name: 'cutoffs', columns: decisiveColumns };

/**
 * Rows are found by their key in one of two indexes: to use one, SQL must say in these very words whether they are
 * final.
 */
const isFinal = `cutoff = ${forever}`;
const isNotFinal = `cutoff <> ${forever}`;

/** Rows under one of these keys. */
function underKeys(db: Knex, keys: readonly TargetKey[]): Knex.QueryBuilder<LogRow> {
  const bytes = keys.map(toBytes);
  return db<LogRow>('revocations').where((row) =>
    row
      .where((final) => final.whereIn('key', bytes).whereRaw(isFinal))
      .orWhere((other) => other.whereIn('key', bytes).whereRaw(isNotFinal)),
  );
}

/** Per key the rows that decide: the final one, and the furthest cutoffs. */
export async function listCoverage(db: Knex, keys: readonly TargetKey[]): Promise<Revocation[]> {
  const bytes = keys.map(toBytes);
  const [finals, cutoffs] = await Promise.all([
    readsOf(db).findRowsByKey(revocationsTable, 'key', bytes, isFinal),
    readsOf(db).findRowsByKey(cutoffsTable, 'key', bytes),
  ]);
  return [...finals, ...cutoffs].map(rowToRevocation);
}

/** Kinds of target that were revoked in every issuer at once: hardly ever any. */
export async function listKindsEverywhere(db: Knex): Promise<TargetKind[]> {
  return db('revocations').whereRaw(`issuer = '${everyIssuer}'`).distinct('kind').pluck('kind');
}

/** What revocations bear: the first bytes of their keys, in hexadecimal one after another, and their kinds. */
export interface Gathered {
  readonly beginnings: string;
  readonly kinds: readonly TargetKind[];
  /** The kinds that were revoked in every issuer. */
  readonly kindsEverywhere: readonly TargetKind[];
}

/** For the rows with `after` < seq <= `upTo`. Read as one row, as a row for each key takes five times as long. */
export async function gatherKeys(
  db: Knex,
  after: number,
  upTo: number,
  bytesOfKey: number,
): Promise<Gathered> {
  const isEverywhere = `issuer = '${everyIssuer}'`;
  const anyOf = (kind: TargetKind) => [
    `max(case when kind = '${kind}' then 1 else 0 end) as "${kind}"`,
    `max(case when kind = '${kind}' and ${isEverywhere} then 1 else 0 end) as "every_${kind}"`,
  ];
  const row = await readsOf(db).findRow<Record<string, number> & { beginnings: string | null }>(
    `select string_agg(${readsOf(db).hexOf(`substr(key, 1, ${bytesOfKey})`)}, '') as beginnings,
        ${targetKinds.flatMap(anyOf).join(', ')}
      from revocations where seq > ? and seq <= ?`,
    [after, upTo],
  );
  return {
    beginnings: row.beginnings ?? '',
    kinds: targetKinds.filter((kind) => row[kind] === 1),
    kindsEverywhere: targetKinds.filter((kind) => row[`every_${kind}`] === 1),
  };
}

/** Oldest first: rows under these keys with a cutoff not before `issuedAt`, including rows that spare the token. */
export async function listUnderKeys(
  db: Knex,
  keys: readonly TargetKey[],
  issuedAt: number,
  limit: number,
): Promise<LoggedRevocation[]> {
  const rows: LogRow[] = await underKeys(db, keys)
    .andWhere('cutoff', '>=', issuedAt)
    .orderBy('seq')
    .limit(limit);
  return rows.map(rowToLogged);
}

/** Newest first. */
export async function listRevocations(
  db: Knex,
  filter: RevocationFilter,
  before: number,
  limit: number,
): Promise<LoggedRevocation[]> {
  const query = filter.key === undefined ? db<LogRow>('revocations') : underKeys(db, [filter.key]);
  query.andWhere('seq', '<', before);
  if (filter.kind !== undefined) query.andWhere('kind', filter.kind);
  if (filter.issuer !== undefined) query.andWhere('issuer', filter.issuer);
  if (filter.reason !== undefined) query.andWhere('reason', filter.reason);
  if (filter.from !== undefined) query.andWhere('revoked_at', '>=', filter.from);
  if (filter.to !== undefined) query.andWhere('revoked_at', '<', filter.to);
  const rows = (await query.orderBy('seq', 'desc').limit(limit)) as LogRow[];
  return rows.map(rowToLogged);
}

export async function findRevocation(db: Knex, seq: number): Promise<LoggedRevocation | undefined> {
  const row: LogRow | undefined = await db('revocations').where('seq', seq).first();
  return row && rowToLogged(row);
}

export async function appendRevocations(db: Knex, revocations: readonly NumberedRevocation[]): Promise<void> {
  await writesOf(db).insertMany('revocations', revocations.map(revocationToRow));
}

/** `dropped` no longer decide anything, `added` now do. */
export async function replaceCutoffs(
  db: Knex,
  dropped: readonly number[],
  added: readonly NumberedRevocation[],
): Promise<void> {
  if (dropped.length > 0) await db('cutoffs').whereIn('seq', dropped).delete();
  await writesOf(db).insertMany('cutoffs', added.map(revocationToCutoffRow));
}
