// The digests of the table `tokens`, in pages of thousands, as the filter of registered tokens needs them: their first
// bytes alone.
import type { Knex } from 'knex';
import { readsOf } from '../dialect.ts';

/** The first bytes of digests, in hexadecimal one after another. */
export type Beginnings = string;

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
  const row = await readsOf(db).findRow<Page>(
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
  const row = await readsOf(db).findRow<
    Record<'token_seq' | 'announced_seq' | 'tokens' | 'last_id', number> & Page
  >(
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

function beginningOf(db: Knex, column: string, bytes: number): string {
  return readsOf(db).hexOf(`substr(${column}, 1, ${bytes})`);
}

/** The ids of the oldest and the newest token; 1 and 0 when there are none. */
export async function findExtentOfTokens(db: Knex): Promise<{ firstId: number; lastId: number }> {
  const row = await readsOf(db).findRow<{ first: number | null; last: number | null }>(
    // In one select, the database would walk through the whole index to find both.
    'select (select min(id) from tokens) as first, (select max(id) from tokens) as last',
  );
  return { firstId: Number(row.first ?? 1), lastId: Number(row.last ?? 0) };
}
