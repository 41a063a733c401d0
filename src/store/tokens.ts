// The table `tokens`: inserted once, never updated.
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Digest, RegisteredToken, TokenUse } from '../domain/claims.ts';
import type { Grant } from '../domain/sessions.ts';
import type { BearerPage } from '../domain/store.ts';
import { everyIssuer, type Target } from '../domain/targets.ts';
import { findRowsByKey, insertMany, type Table } from './dialect.ts';

interface TokenRow {
  id?: number;
  digest: Buffer;
  token_digest: Buffer;
  token_use: TokenUse;
  issuer: string;
  client_id: string | null;
  subject: string | null;
  grant_id: string | null;
  session_id: string | null;
  jti: string | null;
  issued_at: number;
  expires_at: number;
  not_before: number | null;
  audience: string;
  members: string;
  registrar: string;
  registered_at: number;
  replaces_digest: Buffer | null;
  purge_after: number | null;
}

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
};

export async function findTokens(db: Knex, digests: readonly Digest[]): Promise<RegisteredToken[]> {
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'));
  return (await findRowsByKey(db, table, 'digest', keys)).map(toToken);
}

/** JWTs by the digests of their signing inputs: the same token however its signature is written. */
export async function findJwts(db: Knex, tokenDigests: readonly Digest[]): Promise<RegisteredToken[]> {
  const keys = tokenDigests.map((digest) => Buffer.from(digest, 'hex'));
  const rows = findRowsByKey(db, table, 'token_digest', keys, 'token_digest <> digest');
  return (await rows).map(toToken);
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
  return rows.map(toToken);
}

/** Every registered token of a user, whatever its issuer, by ascending `id`. */
export async function listTokensOf(
  db: Knex,
  subject: string,
  after: number,
  limit: number,
): Promise<{ id: number; token: RegisteredToken }[]> {
  const query = db('tokens').where('subject', subject).andWhere('id', '>', after).orderBy('id').limit(limit);
  return ((await query) as (TokenRow & { id: number })[]).map((row) => ({ id: row.id, token: toToken(row) }));
}

const indexedColumns = { grant: 'grant_id', session: 'session_id', subject: 'subject' } as const;
const idsPerPage = 5_000;

/** Unexpired tokens that bear a target. Keys are known of no registered token. */
export async function listBearers(
  db: Knex,
  target: Target,
  now: number,
  after: readonly number[],
  limit: number,
): Promise<BearerPage> {
  const query = db<TokenRow>('tokens').where('expires_at', '>', now);
  if (target.kind !== 'token' && target.issuer !== everyIssuer) query.andWhere('issuer', target.issuer);
  switch (target.kind) {
    case 'token':
      return pageByExpiry(query.andWhere('digest', Buffer.from(target.id, 'hex')), after, limit);
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

type Query = Knex.QueryBuilder<TokenRow>;

/** In the order of the index that finds them. */
async function pageByExpiry(query: Query, after: readonly number[], limit: number): Promise<BearerPage> {
  const [expiresAt = 0, id = 0] = after;
  const rows: TokenRow[] = await query
    .whereRaw('(expires_at, id) > (?, ?)', [expiresAt, id])
    .orderBy([{ column: 'expires_at' }, { column: 'id' }])
    .limit(limit);
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { tokens: rows.map(toToken), next: last ? [last.expires_at, last.id as number] : null };
}

/** No index finds them, so a page is what a stretch of the table holds, the newest first: it costs the same always. */
async function pageById(db: Knex, query: Query, after: readonly number[]): Promise<BearerPage> {
  const upper = after[0] ?? Number((await db('tokens').max({ id: 'id' }).first())?.id ?? 0);
  const rows: TokenRow[] = await query.whereBetween('id', [upper - idsPerPage + 1, upper]);
  return { tokens: rows.map(toToken), next: upper > idsPerPage ? [upper - idsPerPage] : null };
}

/** Whose the grants are, by the first token still known under each. */
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
  const rows = tokens.map(
    (token): TokenRow => ({
      digest: Buffer.from(token.digest, 'hex'),
      token_digest: Buffer.from(token.tokenDigest, 'hex'),
      token_use: token.tokenUse,
      issuer: token.issuer,
      client_id: token.clientId,
      subject: token.subject,
      grant_id: token.grantId,
      session_id: token.sessionId,
      jti: token.jti,
      issued_at: token.issuedAt,
      expires_at: token.expiresAt,
      not_before: token.notBefore,
      audience: JSON.stringify(token.audience),
      members: JSON.stringify(token.members),
      registrar: token.registrar,
      registered_at: token.registeredAt,
      replaces_digest: token.replacesDigest === null ? null : Buffer.from(token.replacesDigest, 'hex'),
      purge_after: token.purgeAfter ?? null,
    }),
  );
  await insertMany(db, 'tokens', rows);
}

function toToken(row: TokenRow): RegisteredToken {
  const digest = row.digest.toString('hex');
  return {
    digest,
    tokenDigest: row.token_digest.equals(row.digest) ? digest : row.token_digest.toString('hex'),
    tokenUse: row.token_use,
    issuer: shared(row.issuer),
    clientId: row.client_id && shared(row.client_id),
    subject: row.subject,
    grantId: row.grant_id,
    sessionId: row.session_id,
    jti: row.jti,
    keyThumbprint: null,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    notBefore: row.not_before,
    audience: sharedList(row.audience),
    members: JSON.parse(row.members),
    registrar: shared(row.registrar),
    registeredAt: row.registered_at,
    replacesDigest: row.replaces_digest?.toString('hex') ?? null,
  };
}

const sharedMax = 1_000;
const texts = new LRUCache<string, string>({ max: sharedMax });
const lists = new LRUCache<string, readonly string[]>({ max: sharedMax });

/** The same string object for the same text: few issuers and clients stand in the rows of many tokens. */
function shared(text: string): string {
  const known = texts.get(text);
  if (known === undefined) texts.set(text, text);
  return known ?? text;
}

function sharedList(json: string): readonly string[] {
  const known = lists.get(json);
  if (known) return known;
  const list: readonly string[] = JSON.parse(json);
  lists.set(json, list);
  return list;
}
