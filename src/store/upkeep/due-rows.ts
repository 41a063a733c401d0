// Where each kind of rows that may be purged stands, and which of them are due. domain/purge/purge-rules.ts says when;
// here is what that means in columns, with all exceptions.
import type { Knex } from 'knex';
import { forever } from '../../domain/cutoffs.ts';
import { everyIssuer } from '../../domain/targets.ts';
import { openEndsFrom } from '../../domain/token-life.ts';
import type { DueRows, PurgeKind } from '../../domain/upkeep-store.ts';
import { writesOf } from '../dialect.ts';

interface Place {
  readonly table: string;
  /** Its primary key. */
  readonly key: string;
  /** When a row may go, in milliseconds, as far as the row alone can tell. */
  readonly column: string;
  readonly narrow: (rows: Knex.QueryBuilder, due: DueRows, db: Knex) => Knex.QueryBuilder;
}

/** For tables where that column says it all. */
function place(table: string, key: string, column: string): Place {
  return { table, key, column, narrow: (rows, { before }) => rows.where(column, '<', before) };
}

const places: Readonly<Record<PurgeKind, Place>> = {
  tokens: {
    table: 'tokens',
    key: 'id',
    column: 'expires_at',
    narrow: (rows, { before }) => rows.where('expires_at', '<', before).whereNull('purge_after'),
  },
  jwts: { table: 'tokens', key: 'id', column: 'purge_after', narrow: hasEnded },
  sessions: place('sessions', 'session_id', 'expires_at'),
  revocations: {
    table: 'revocations',
    key: 'seq',
    column: 'purge_after',
    narrow: (rows, due, db) =>
      hasEnded(rows, due)
        .andWhere((of) => of.where('kind', 'token').orWhere('revoked_at', '<', due.livingIssuedFrom))
        .andWhereNot((of) => lastsForever(of))
        .whereNotExists(unexpiredToken(db, 'grant', due.before))
        .whereNotExists(unexpiredToken(db, 'session', due.before)),
  },
  cutoffs: {
    table: 'cutoffs',
    key: 'seq',
    column: 'purge_after',
    narrow: (rows, { before, livingIssuedFrom }) =>
      rows.where('purge_after', '<', before).andWhere('revoked_at', '<', livingIssuedFrom),
  },
  used_ids: place('used_ids', 'digest', 'expires_at'),
  idempotency_keys: place('idempotency_keys', 'key_digest', 'expires_at'),
  client_secrets: place('client_secrets', 'secret_id', 'expires_at'),
};

export function placeOf({ kind }: DueRows): Place {
  return places[kind];
}

export function selectDue(db: Knex, due: DueRows): Knex.QueryBuilder {
  const { table, narrow } = placeOf(due);
  return narrow(db(table), due, db);
}

/** Those that may go. A count leaves the rest in: it would look for the token of each of what may be a million rows. */
export function selectPurgeable(db: Knex, due: DueRows): Knex.QueryBuilder {
  const rows = selectDue(db, due);
  if (due.kind !== 'revocations') return rows;
  return rows
    .whereNotExists(unexpiredTokenNamed(db, 'digest', due.before))
    .whereNotExists(unexpiredTokenNamed(db, 'token_digest', due.before));
}

/** An open end (`openEnd` in domain/token-life.ts) has come when the token can no longer be alive by its issue time. */
function hasEnded(rows: Knex.QueryBuilder, { before, livingIssuedFrom }: DueRows): Knex.QueryBuilder {
  return rows.where((of) =>
    of
      .where('purge_after', '<', before)
      .orWhereBetween('purge_after', [openEndsFrom + 1, openEndsFrom + livingIssuedFrom - 1]),
  );
}

/**
 * Never purged: keys, as their holder can sign tokens forever; `jti`s, as no index finds their tokens; and grants and
 * sessions that ended for good at an issuer of JWTs, as one that bears them may be signed at any time without our
 * seeing it.
 */
function lastsForever(rows: Knex.QueryBuilder): Knex.QueryBuilder {
  const units = (query: Knex.QueryBuilder) =>
    query
      .whereIn('kind', ['grant', 'session'])
      .andWhere('cutoff', forever)
      .andWhere((of) =>
        of
          .where('issuer', everyIssuer)
          .orWhereIn('issuer', (on) => on.from('signers').select('issuer'))
          .orWhereIn('issuer', (on) => on.from('issuers').select('issuer')),
      );
  return rows.whereIn('kind', ['key', 'jti']).orWhere((query) => void units(query));
}

/**
 * A token may be given a name that was revoked for good long ago, and is dead then: the row stays while such a token
 * lives. One with a cutoff goes when its copy in `cutoffs` goes, as the horizon is moved for both.
 */
function unexpiredToken(db: Knex, kind: 'grant' | 'session', now: number): Knex.QueryBuilder {
  return db('tokens')
    .select(db.raw('1'))
    .whereRaw(`revocations.kind = '${kind}' and tokens.${kind}_id = revocations.target_id`)
    .whereRaw(`revocations.issuer in (tokens.issuer, '${everyIssuer}')`)
    .andWhere('revocations.cutoff', forever)
    .andWhere('tokens.expires_at', '>', now);
}

/** The same for a token that was registered after its own digest had been revoked; both columns have an index. */
function unexpiredTokenNamed(db: Knex, column: 'digest' | 'token_digest', now: number): Knex.QueryBuilder {
  const named = writesOf(db).bytesOf(`case when revocations.kind = 'token' then revocations.target_id end`);
  const tokens = db('tokens')
    .select(db.raw('1'))
    .whereRaw(`tokens.${column} = ${named}`)
    .andWhere('tokens.expires_at', '>', now);
  return column === 'digest' ? tokens : tokens.whereRaw('tokens.token_digest <> tokens.digest');
}
