// The table `revocations`: append-only, in commit order. And `cutoffs`, what verdicts need of the rows that
// are not final: however often a user was logged out everywhere, it holds a handful of rows for them.
import type { Knex } from 'knex';
import type { TokenUse } from '../domain/claims.ts';
import {
  forever,
  type LoggedRevocation,
  type NewRevocation,
  type Restriction,
  type Revocation,
} from '../domain/cutoffs.ts';
import type { RevocationFilter } from '../domain/store.ts';
import { everyIssuer, type TargetKey, type TargetKind } from '../domain/targets.ts';
import type { Channel, Reason } from '../domain/vocabulary.ts';
import { findRow, findRowsByKey, hexOf, insertMany, type Table } from './dialect.ts';

/** A row that has its place in the log. */
export interface NumberedRevocation extends NewRevocation, Revocation {}

interface CoverageRow {
  seq: number;
  key: Buffer;
  cutoff: number;
  except_key: Buffer | null;
  only_client_id: string | null;
  only_use: TokenUse | null;
  only_online: number;
  reason: Reason;
  revoked_at: number;
}

interface LogRow extends CoverageRow {
  kind: TargetKind;
  issuer: string;
  target_id: string;
  reason_text: string | null;
  actor_kind: LoggedRevocation['actor']['kind'];
  actor_id: string | null;
  channel: Channel;
  request_id: string | null;
  purge_after: number;
}

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

/** Per key the rows that decide: the final one, and the furthest cutoffs. */
export async function listCoverage(db: Knex, keys: readonly TargetKey[]): Promise<Revocation[]> {
  const bytes = keys.map(toBytes);
  const [finals, cutoffs] = await Promise.all([
    findRowsByKey(db, revocationsTable, 'key', bytes, `cutoff = ${forever}`),
    findRowsByKey(db, cutoffsTable, 'key', bytes),
  ]);
  return [...finals, ...cutoffs].map(toRevocation);
}

/** Kinds of target that were revoked in every issuer at once: hardly ever any. */
export async function listKindsEverywhere(db: Knex): Promise<TargetKind[]> {
  return db('revocations').whereRaw(`issuer = '${everyIssuer}'`).distinct('kind').pluck('kind');
}

/**
 * What the rows with `after` < seq <= `upTo` bear: the first bytes of their keys, in hexadecimal one after another,
 * and the kinds of those that hold in every issuer. As one row: a row for each key takes five times as long.
 */
export async function gatherKeys(
  db: Knex,
  after: number,
  upTo: number,
  bytesOfKey: number,
): Promise<{ beginnings: string; everywhere: TargetKind[] }> {
  const row = await findRow<{ beginnings: string | null; everywhere: string | null }>(
    db,
    `select string_agg(${hexOf(db, `substr(key, 1, ${bytesOfKey})`)}, '') as beginnings,
        string_agg(case when issuer = '${everyIssuer}' then kind end, ' ') as everywhere
      from revocations where seq > ? and seq <= ?`,
    [after, upTo],
  );
  const everywhere = row.everywhere?.split(' ') ?? [];
  return { beginnings: row.beginnings ?? '', everywhere: everywhere as TargetKind[] };
}

/** Oldest first: rows under these keys whose cutoff is not before `issuedAt`, whoever they spare. */
export async function listUnderKeys(
  db: Knex,
  keys: readonly TargetKey[],
  issuedAt: number,
  limit: number,
): Promise<LoggedRevocation[]> {
  const rows: LogRow[] = await db('revocations')
    .whereIn('key', keys.map(toBytes))
    .andWhere('cutoff', '>=', issuedAt)
    .orderBy('seq')
    .limit(limit);
  return rows.map(toLogged);
}

/** Newest first. */
export async function listRevocations(
  db: Knex,
  filter: RevocationFilter,
  before: number,
  limit: number,
): Promise<LoggedRevocation[]> {
  const query = db<LogRow>('revocations').where('seq', '<', before);
  if (filter.key !== undefined) query.andWhere('key', toBytes(filter.key));
  if (filter.kind !== undefined) query.andWhere('kind', filter.kind);
  if (filter.issuer !== undefined) query.andWhere('issuer', filter.issuer);
  if (filter.reason !== undefined) query.andWhere('reason', filter.reason);
  if (filter.from !== undefined) query.andWhere('revoked_at', '>=', filter.from);
  if (filter.to !== undefined) query.andWhere('revoked_at', '<', filter.to);
  const rows = (await query.orderBy('seq', 'desc').limit(limit)) as LogRow[];
  return rows.map(toLogged);
}

export async function findRevocation(db: Knex, seq: number): Promise<LoggedRevocation | undefined> {
  const row: LogRow | undefined = await db('revocations').where('seq', seq).first();
  return row && toLogged(row);
}

export async function appendRevocations(db: Knex, revocations: readonly NumberedRevocation[]): Promise<void> {
  const rows = revocations.map((revocation) => {
    const { target, cause } = revocation;
    return {
      kind: target.kind,
      issuer: target.issuer,
      target_id: target.id,
      reason_text: cause.reasonText,
      actor_kind: cause.origin.actor.kind,
      actor_id: cause.origin.actor.id,
      channel: cause.origin.channel,
      request_id: cause.origin.requestId,
      purge_after: revocation.purgeAfter,
      ...toCoverageRow(revocation),
    };
  });
  await insertMany(db, 'revocations', rows);
}

/** `dropped` no longer decide anything, `added` now do. */
export async function replaceCutoffs(
  db: Knex,
  dropped: readonly number[],
  added: readonly NumberedRevocation[],
): Promise<void> {
  if (dropped.length > 0) await db('cutoffs').whereIn('seq', dropped).delete();
  const rows = added.map((revocation) => ({
    purge_after: revocation.purgeAfter,
    ...toCoverageRow(revocation),
  }));
  await insertMany(db, 'cutoffs', rows);
}

function toCoverageRow(revocation: Revocation): CoverageRow {
  return {
    seq: revocation.seq,
    key: toBytes(revocation.key),
    cutoff: revocation.cutoff,
    except_key: revocation.exceptKey === null ? null : toBytes(revocation.exceptKey),
    only_client_id: revocation.only.clientId,
    only_use: revocation.only.tokenUse,
    only_online: revocation.only.online ? 1 : 0,
    reason: revocation.reason,
    revoked_at: revocation.revokedAt,
  };
}

function toRevocation(row: CoverageRow): Revocation {
  const only: Restriction = {
    clientId: row.only_client_id,
    tokenUse: row.only_use,
    online: row.only_online === 1,
  };
  return {
    seq: row.seq,
    key: row.key.toString('hex'),
    only,
    cutoff: row.cutoff,
    exceptKey: row.except_key?.toString('hex') ?? null,
    reason: row.reason,
    revokedAt: row.revoked_at,
  };
}

function toLogged(row: LogRow): LoggedRevocation {
  return {
    target: { kind: row.kind, issuer: row.issuer, id: row.target_id },
    reasonText: row.reason_text,
    actor: { kind: row.actor_kind, id: row.actor_id },
    channel: row.channel,
    requestId: row.request_id,
    ...toRevocation(row),
  };
}

function toBytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
