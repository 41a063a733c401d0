// The table `tokens`: inserted once, never updated.
import type { Knex } from 'knex';
import type { Digest, RegisteredToken } from '../../domain/claims.ts';
import type { TokenPage } from '../../domain/listings.ts';
import type { Grant } from '../../domain/sessions.ts';
import { everyIssuer, type Target } from '../../domain/targets.ts';
import { findRow, findRowsByKey, hexOf, insertMany, type Table } from '../dialect.ts';
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
  return (await findRowsByKey(db, table, 'digest', keys)).map(rowToToken);
}

/** JWTs by the digests of their signing inputs: the same token however its signature is written. */
export async function findJwts(db: Knex, tokenDigests: readonly Digest[]): Promise<RegisteredToken[]> {
  const keys = tokenDigests.map((digest) => Buffer.from(digest, 'hex'));
  const rows = findRowsByKey(db, table, 'token_digest', keys, 'token_digest <> digest');
  return (await rows).map(rowToToken);
}

/** The first bytes of digests, in hexadecimal one after another. */
export type Beginnings = string;

/**
 * The digests of the next `limit` tokens after the beginning `after`, in order: of whole strings, or of the signing
 * inputs of JWTs. Reads an index alone, which is a tenth of the table; and as one row, as a row for each takes five
 * times as long.
 */
export async function gatherDigests(
  db: Knex,
  column: 'digest' | 'token_digest',
  after: Beginnings,
  limit: number,
  bytesOfDigest: number,
): Promise<Beginnings> {
  // Begins behind all digests with this beginning, of which the filter needs only one.
  const behind = Buffer.alloc(digestBytes, after === '' ? 0 : 0xff);
  behind.write(after, 'hex');
  const isJwt = column === 'token_digest' ? 'and token_digest <> digest' : '';
  const row = await findRow<Page>(
    db,
    `select coalesce(string_agg(${beginningOf(db, column, bytesOfDigest)}, '' order by ${column}), '') as beginnings
      from (select ${column} from tokens where ${column} > ? ${isJwt} order by ${column} limit ?) as page`,
    [behind, limit],
  );
  return row.beginnings;
}

/** Both digests of the next `limit` tokens after the id `after`, and the heads at that time. */
export async function gatherNewDigests(
  db: Knex,
  after: number,
  limit: number,
  bytesOfDigest: number,
): Promise<NewDigests> {
  const [digest, tokenDigest] = ['digest', 'token_digest'].map((column) =>
    beginningOf(db, column, bytesOfDigest),
  );
  const row = await findRow<Record<'token_seq' | 'announced_seq' | 'tokens' | 'last_id', number> & Page>(
    db,
    `select (select token_seq from heads where id = 1) as token_seq,
        (select suspension_seq from heads where id = 1) as announced_seq,
        count(*) as tokens, coalesce(max(id), 0) as last_id,
        coalesce(string_agg(${digest} || ${tokenDigest}, ''), '') as beginnings
      from (select id, digest, token_digest from tokens where id > ? order by id limit ?) as page`,
    [after, limit],
  );
  return {
    tokenSeq: Number(row.token_seq),
    announcedSeq: Number(row.announced_seq),
    tokens: Number(row.tokens),
    lastId: Math.max(after, Number(row.last_id)),
    beginnings: row.beginnings,
  };
}

interface Page {
  readonly beginnings: Beginnings;
}

export interface NewDigests extends Page {
  readonly tokenSeq: number;
  readonly announcedSeq: number;
  readonly tokens: number;
  readonly lastId: number;
}

const digestBytes = 32;

function beginningOf(db: Knex, column: string, bytes: number): string {
  return hexOf(db, `substr(${column}, 1, ${bytes})`);
}

/** The last id that was given out, and an upper bound for the number of tokens. */
export async function findExtentOfTokens(db: Knex): Promise<{ lastId: number; span: number }> {
  const row = await findRow<{ first: number | null; last: number | null }>(
    db,
    // In one select, the database would walk through the whole index to find both.
    'select (select min(id) from tokens) as first, (select max(id) from tokens) as last',
  );
  return row.first === null
    ? { lastId: 0, span: 0 }
    : { lastId: Number(row.last), span: Number(row.last) - Number(row.first) + 1 };
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
): Promise<{ id: number; token: RegisteredToken }[]> {
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

/** No index finds them, so a page covers a stretch of ids, the newest first, at constant cost. */
async function pageById(db: Knex, query: Query, after: readonly number[]): Promise<TokenPage> {
  const upper = after[0] ?? Number((await db('tokens').max({ id: 'id' }).first())?.id ?? 0);
  const rows: TokenRow[] = await query.whereBetween('id', [upper - idsPerPage + 1, upper]);
  return { tokens: rows.map(rowToToken), next: upper > idsPerPage ? [upper - idsPerPage] : null };
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
  await insertMany(db, 'tokens', tokens.map(tokenToRow));
}
