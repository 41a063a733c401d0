// Rows of `revocations` and `cutoffs`: from a revocation to its row and back.
import type { TokenUse } from '../../domain/claims.ts';
import type { LoggedRevocation, NewRevocation, Restriction, Revocation } from '../../domain/cutoffs.ts';
import type { TargetKind } from '../../domain/targets.ts';
import type { Channel, Reason } from '../../domain/vocabulary.ts';

/** A row that has its place in the log. */
export interface NumberedRevocation extends NewRevocation, Revocation {}

/** The columns that verdicts need, of both tables. */
export interface CoverageRow {
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

export interface LogRow extends CoverageRow {
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

/** As it stands in the log. */
export function revocationToRow(revocation: NumberedRevocation): LogRow {
  const { target, cause, purgeAfter } = revocation;
  return {
    kind: target.kind,
    issuer: target.issuer,
    target_id: target.id,
    reason_text: cause.reasonText,
    actor_kind: cause.origin.actor.kind,
    actor_id: cause.origin.actor.id,
    channel: cause.origin.channel,
    request_id: cause.origin.requestId,
    purge_after: purgeAfter,
    ...coverageOf(revocation),
  };
}

export function revocationToCutoffRow(revocation: NumberedRevocation): object {
  return { purge_after: revocation.purgeAfter, ...coverageOf(revocation) };
}

function coverageOf(revocation: Revocation): CoverageRow {
  return {
    seq: revocation.seq,
    key: toBytes(revocation.key),
    cutoff: revocation.cutoff,
    except_key: revocation.exceptKey === null ? null : toBytes(revocation.exceptKey),
    only_client_id: revocation.only.clientId,
    only_use: revocation.only.tokenUse,
    only_online: revocation.only.keepsOffline ? 1 : 0,
    reason: revocation.reason,
    revoked_at: revocation.revokedAt,
  };
}

export function rowToRevocation(row: CoverageRow): Revocation {
  const only: Restriction = {
    clientId: row.only_client_id,
    tokenUse: row.only_use,
    keepsOffline: row.only_online === 1,
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

export function rowToLogged(row: LogRow): LoggedRevocation {
  return {
    target: { kind: row.kind, issuer: row.issuer, id: row.target_id },
    reasonText: row.reason_text,
    actor: { kind: row.actor_kind, id: row.actor_id },
    channel: row.channel,
    requestId: row.request_id,
    ...rowToRevocation(row),
  };
}

export function toBytes(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
