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
  /** SQL, in which `:before` and `:livingIssuedFrom` are those of `DueRows`. */
  readonly isDue: string;
}

const hasExpired = 'expires_at < :before';

/** An open end (`openEnd` in domain/token-life.ts) has come when the token can no longer be alive by its issue time. */
const hasEnded = `(purge_after < :before
  or (purge_after > ${openEndsFrom} and purge_after < ${openEndsFrom} + :livingIssuedFrom))`;

/**
 * Never purged: keys, as their holder can sign tokens forever; `jti`s, as no index finds their tokens; and grants and
 * sessions that ended for good at an issuer of JWTs, as one that bears them may be signed at any time without our
 * seeing it.
 */
const lastsForever = `(kind in ('key', 'jti') or kind in ('grant', 'session') and cutoff = ${forever} and (
  issuer = '${everyIssuer}' or issuer in (select issuer from signers) or issuer in (select issuer from issuers)))`;

/**
 * A token may be given a name that was revoked for good long ago, and is dead then: the row stays while such a token
 * lives. One with a cutoff goes when its copy in `cutoffs` goes, as the horizon is moved for both.
 */
const endsUnexpired = (unit: 'grant' | 'session') => `exists (select 1 from tokens
  where revocations.kind = '${unit}' and tokens.${unit}_id = revocations.target_id
    and revocations.issuer in (tokens.issuer, '${everyIssuer}') and revocations.cutoff = ${forever}
    and tokens.expires_at > :before)`;

/** The same for a token that was registered after its own digest, the bytes `revoked`, had been revoked. */
const killsUnexpired = (revoked: string) => `(
  exists (select 1 from tokens where digest = ${revoked} and tokens.expires_at > :before)
  or exists (select 1 from tokens where token_digest = ${revoked} and token_digest <> digest
    and tokens.expires_at > :before))`;

const places: Readonly<Record<PurgeKind, Place>> = {
  tokens: {
    table: 'tokens',
    key: 'id',
    column: 'expires_at',
    isDue: `${hasExpired} and purge_after is null`,
  },
  jwts: { table: 'tokens', key: 'id', column: 'purge_after', isDue: hasEnded },
  sessions: { table: 'sessions', key: 'session_id', column: 'expires_at', isDue: hasExpired },
  revocations: {
    table: 'revocations',
    key: 'seq',
    column: 'purge_after',
    isDue: `${hasEnded} and (kind = 'token' or revoked_at < :livingIssuedFrom) and not ${lastsForever}
      and not ${endsUnexpired('grant')} and not ${endsUnexpired('session')}`,
  },
  cutoffs: {
    table: 'cutoffs',
    key: 'seq',
    column: 'purge_after',
    isDue: 'purge_after < :before and revoked_at < :livingIssuedFrom',
  },
  used_ids: { table: 'used_ids', key: 'digest', column: 'expires_at', isDue: hasExpired },
  idempotency_keys: { table: 'idempotency_keys', key: 'key_digest', column: 'expires_at', isDue: hasExpired },
  client_secrets: { table: 'client_secrets', key: 'secret_id', column: 'expires_at', isDue: hasExpired },
};

export function placeOf({ kind }: DueRows): Place {
  return places[kind];
}

export function selectDue(db: Knex, due: DueRows): Knex.QueryBuilder {
  const { table, isDue } = placeOf(due);
  return db(table).whereRaw(isDue, { ...due });
}

/** Those that may go. A count leaves the rest in: it would look for the token of each of what may be a million rows. */
export function selectPurgeable(db: Knex, due: DueRows): Knex.QueryBuilder {
  const rows = selectDue(db, due);
  if (due.kind !== 'revocations') return rows;
  const revoked = writesOf(db).bytesOf("case when revocations.kind = 'token' then revocations.target_id end");
  return rows.whereRaw(`not ${killsUnexpired(revoked)}`, { ...due });
}
