// The table `tokens`: inserted once, never updated. How rows are written and read is in token-rows.ts; their digests in
// bulk are read by token-digests.ts.
import type { Knex } from 'knex';
import type { Digest, RegisteredToken } from '../../domain/claims.ts';
import type { TokenPage } from '../../domain/listings.ts';
import type { Grant } from '../../domain/sessions.ts';
import { everyIssuer, type Target } from '../../domain/targets.ts';
import type { StoredToken } from '../../domain/upkeep-store.ts';
import { readsOf, type Table, writesOf } from '../dialect.ts';
import { type Heads, selectHeads } from './heads.ts';
import { findExtentOfTokens } from './token-digests.ts';
import { rowToToken, type TokenRow, tokenToRow } from './token-rows.ts';

const table: Table<TokenRow> = {
  name: 'tokens',
  columns: [
    'digest',
    'token_digest',
    'token_use',
    'issuer',
    'client_id',
    'subject',
    'grant_id',
    'session_id',
    'jti',
    'issued_at',
    'expires_at',
    'not_before',
    'audience',
    'members',
    'registrar',
    'registered_at',
    'replaces_digest',
  ],
  // NULL where equal to `digest`, as for all but JWTs.
  inHex: { digest: 'digest', token_digest: 'nullif(token_digest, digest)' },
};

export async function findTokens(db: Knex, digests: readonly Digest[]): Promise<RegisteredToken[]> {
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'));
  return (await readsOf(db).findRowsByKey(table, 'digest', keys)).map(rowToToken);
}

/** The same, with the heads as of which they were looked up. */
export async function findTokensWithHeads(
  db: Knex,
  digests: readonly Digest[],
): Promise<{ heads: Heads; tokens: RegisteredToken[] }> {
  const [sql, keys] = [selectHeads(db), digests.map((digest) => Buffer.from(digest, 'hex'))];
  const found = await readsOf(db).findRowAndRowsByKey<Heads, TokenRow>(sql, table, 'digest', keys);
  return { heads: found.one, tokens: found.rows.map(rowToToken) };
}

/**
 * JWTs by the digests of their signing inputs: the same token however its signature is written. Of several registrations
 * of one the first comes last.
 */
export async function findJwts(db: Knex, signingInputDigests: readonly Digest[]): Promise<RegisteredToken[]> {
  const keys = signingInputDigests.map((digest) => Buffer.from(digest, 'hex'));
  const newestFirst = 'token_digest <> digest order by id desc';
  return (await readsOf(db).findRowsByKey(table, 'token_digest', keys, newestFirst)).map(rowToToken);
}

/** Unexpired tokens of a grant or session, the newest `limit`. */
export async function listUnexpired(
  db: Knex,
  column: 'grant_id' | 'session_id',
  issuer: string,
  id: string,
  now: number,
  limit: number,
): Promise<RegisteredToken[]> {
  const rows: TokenRow[] = await db('tokens')
    .where(column, id)
    .andWhere({ issuer })
    .andWhere('expires_at', '>', now)
    .orderBy('id', 'desc')
    .limit(limit);
  return rows.map(rowToToken);
}

/** Every registered token of a user, whatever its issuer, by ascending `id`. */
export async function listTokensOf(
  db: Knex,
  subject: string,
  after: number,
  limit: number,
): Promise<StoredToken[]> {
  const query = db('tokens').where('subject', subject).andWhere('id', '>', after).orderBy('id').limit(limit);
  return ((await query) as (TokenRow & { id: number })[]).map((row) => ({
    id: row.id,
    token: rowToToken(row),
  }));
}

const indexedColumns = { grant: 'grant_id', session: 'session_id', subject: 'subject' } as const;
const idsPerPage = 5_000;

/** Unexpired tokens that bear a target; none for a key, as no registered token's key is known. */
export async function listTokensUnder(
  db: Knex,
  target: Target,
  now: number,
  after: readonly number[],
  limit: number,
): Promise<TokenPage> {
  const query = db<TokenRow>('tokens').where('expires_at', '>', now);
  if (target.kind !== 'token' && target.issuer !== everyIssuer) query.andWhere('issuer', target.issuer);
  switch (target.kind) {
    case 'token':
      return pageByExpiry(query.andWhere(isNamed(Buffer.from(target.id, 'hex'))), after, limit);
    case 'key':
      return { tokens: [], next: null };
    case 'grant':
    case 'session':
    case 'subject':
      return pageByExpiry(query.andWhere(indexedColumns[target.kind], target.id), after, limit);
    case 'jti':
      return pageById(db, query.andWhere('jti', target.id), after);
    case 'client':
      return pageById(db, query.andWhere('client_id', target.id), after);
    case 'issuer':
      return pageById(db, query, after);
    default:
      return target.kind satisfies never;
  }
}

/** Matches a token by its string, or a JWT by its signing input. */
function isNamed(digest: Buffer): Knex.QueryCallback {
  return (rows) =>
    void rows
      .where('digest', digest)
      .orWhere((jwts) => void jwts.where('token_digest', digest).whereRaw('token_digest <> digest'));
}

type Query = Knex.QueryBuilder<TokenRow>;

/** In the order of the index that finds them. */
async function pageByExpiry(query: Query, after: readonly number[], limit: number): Promise<TokenPage> {
  const [expiresAt = 0, id = 0] = after;
  const rows: TokenRow[] = await query
    .whereRaw('(expires_at, id) > (?, ?)', [expiresAt, id])
    .orderBy([{ column: 'expires_at' }, { column: 'id' }])
    .limit(limit);
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { tokens: rows.map(rowToToken), next: last ? [last.expires_at, last.id as number] : null };
}

/**
 * No index finds them, so a page covers a stretch of ids, the newest first, at constant cost. The last is the one with the
 * oldest token: the ids below it may be many millions, and were purged.
 */
async function pageById(db: Knex, query: Query, after: readonly number[]): Promise<TokenPage> {
  const { firstId, lastId } = await findExtentOfTokens(db);
  const upper = after[0] ?? lastId;
  const rows: TokenRow[] = await query.whereBetween('id', [upper - idsPerPage + 1, upper]);
  const nextUpper = upper - idsPerPage;
  return { tokens: rows.map(rowToToken), next: nextUpper >= firstId ? [nextUpper] : null };
}

/** The issuers of the last `idsPerPage` tokens that were registered. */
export async function listLatestIssuers(db: Knex): Promise<string[]> {
  const latest = db('tokens').select('issuer').orderBy('id', 'desc').limit(idsPerPage).as('latest');
  return db.from(latest).distinct().pluck('issuer');
}

/** The owners of grants, as the first token still known under each names them. */
export async function findGrants(db: Knex, grantIds: readonly string[]): Promise<Grant[]> {
  const first = db('tokens').whereIn('grant_id', grantIds).groupBy('grant_id').min('id');
  const rows: TokenRow[] = await db('tokens').whereIn('id', first);
  return rows.map((row) => ({
    grantId: row.grant_id as string,
    issuer: row.issuer,
    subject: row.subject,
    clientId: row.client_id,
  }));
}

export async function insertTokens(db: Knex, tokens: readonly RegisteredToken[]): Promise<void> {
  await writesOf(db).insertMany('tokens', tokens.map(tokenToRow));
}
