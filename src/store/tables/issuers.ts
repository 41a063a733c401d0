// The tables `issuers` and `issuer_keys`; and `signers`, the namespaces in which a shared secret has signed JWTs.
import type { Knex } from 'knex';
import type { Issuer, IssuerChange, IssuerKey } from '../../domain/records/issuers.ts';

interface IssuerRow {
  issuer: string;
  key_source: string;
  algorithms: string;
  types: string;
  audiences: string;
  claims: string;
  default_client: string | null;
  default_audience: string | null;
  refresh_marker: string | null;
  reuses_ids: number;
  scope_permissions: string;
  reach: Issuer['reach'];
  inbox: string | null;
  created_at: number;
  disabled_at: number | null;
  keys_stale_before: number;
}

export async function findIssuers(db: Knex, names: readonly string[]): Promise<Issuer[]> {
  const rows: IssuerRow[] = await db('issuers').whereIn('issuer', names);
  return rows.map(toIssuer);
}

/** All that are suspended. */
export async function listSuspendedIssuers(db: Knex): Promise<string[]> {
  return db('issuers').whereNotNull('disabled_at').pluck('issuer');
}

export async function listIssuers(db: Knex, after: string, limit: number): Promise<Issuer[]> {
  const rows: IssuerRow[] = await db('issuers').where('issuer', '>', after).orderBy('issuer').limit(limit);
  return rows.map(toIssuer);
}

export async function applyIssuerChange(db: Knex, change: IssuerChange): Promise<void> {
  switch (change.kind) {
    case 'insert':
      await db('issuers').insert(toRow(change.issuer));
      return;
    case 'update':
      await db('issuers').where('issuer', change.issuer.issuer).update(toRow(change.issuer));
      return;
    case 'set_disabled':
      await db('issuers').where('issuer', change.issuer).update({ disabled_at: change.at });
      return;
    case 'set_keys_stale':
      await db('issuers').where('issuer', change.issuer).update({ keys_stale_before: change.at });
      return;
    default:
      change satisfies never;
  }
}

/** Thumbprints of all keys that this issuer has ever named by this kid. */
export async function listThumbprints(db: Knex, issuer: string, kid: string): Promise<string[]> {
  return db('issuer_keys').where({ issuer, kid }).orderBy('thumbprint').pluck('thumbprint');
}

export async function insertIssuerKeys(db: Knex, keys: readonly IssuerKey[], now: number): Promise<void> {
  for (const { issuer, kid, thumbprint } of keys) {
    const row = { issuer, kid, thumbprint, first_seen_at: now };
    await db('issuer_keys').insert(row).onConflict(['issuer', 'kid', 'thumbprint']).ignore();
  }
}

function toRow(issuer: Issuer): IssuerRow {
  return {
    issuer: issuer.issuer,
    key_source: JSON.stringify(issuer.keySource),
    algorithms: JSON.stringify(issuer.algorithms),
    types: JSON.stringify(issuer.types),
    audiences: JSON.stringify(issuer.audiences),
    claims: JSON.stringify(issuer.claims),
    default_client: issuer.defaultClient,
    default_audience: issuer.defaultAudience,
    refresh_marker: issuer.refreshMarker && JSON.stringify(issuer.refreshMarker),
    reuses_ids: issuer.reusesIds ? 1 : 0,
    scope_permissions: JSON.stringify(issuer.scopePermissions),
    reach: issuer.reach,
    inbox: issuer.inbox && JSON.stringify(issuer.inbox),
    created_at: issuer.createdAt,
    disabled_at: issuer.disabledAt,
    keys_stale_before: issuer.keysStaleBefore,
  };
}

function toIssuer(row: IssuerRow): Issuer {
  return {
    issuer: row.issuer,
    keySource: JSON.parse(row.key_source),
    algorithms: JSON.parse(row.algorithms),
    types: JSON.parse(row.types),
    audiences: JSON.parse(row.audiences),
    claims: JSON.parse(row.claims),
    defaultClient: row.default_client,
    defaultAudience: row.default_audience,
    refreshMarker: row.refresh_marker === null ? null : JSON.parse(row.refresh_marker),
    reusesIds: row.reuses_ids === 1,
    scopePermissions: JSON.parse(row.scope_permissions),
    reach: row.reach,
    inbox: row.inbox === null ? null : JSON.parse(row.inbox),
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    keysStaleBefore: row.keys_stale_before,
  };
}

export async function noteSigners(db: Knex, issuers: readonly string[]): Promise<void> {
  await db('signers')
    .insert(issuers.map((issuer) => ({ issuer })))
    .onConflict('issuer')
    .ignore();
}
