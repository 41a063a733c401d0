// The table `sessions`: inserted when a session is first seen, then only its activity moves.
import type { Knex } from 'knex';
import type { SessionPosition } from '../../domain/listings.ts';
import type { Session } from '../../domain/sessions.ts';
import { readsOf, type Table, writesOf } from '../dialect.ts';

interface SessionRow {
  session_id: string;
  issuer: string;
  subject: string | null;
  client_id: string;
  created_at: number;
  last_active_at: number;
  expires_at: number;
  user_agent: string | null;
  ip: string | null;
}

const table: Table<SessionRow> = {
  name: 'sessions',
  columns: [
    'session_id',
    'issuer',
    'subject',
    'client_id',
    'created_at',
    'last_active_at',
    'expires_at',
    'user_agent',
    'ip',
  ],
};

export async function findSessions(db: Knex, sessionIds: readonly string[]): Promise<Session[]> {
  return (await readsOf(db).findRowsByKey(table, 'session_id', sessionIds)).map(toSession);
}

/** Unexpired sessions of a user, newest first. */
export async function listSessionsOf(
  db: Knex,
  issuer: string,
  subject: string,
  now: number,
  limit: number,
  after: SessionPosition | null = null,
): Promise<Session[]> {
  const query = db('sessions').where({ issuer, subject }).andWhere('expires_at', '>', now);
  if (after) {
    const { createdAt, sessionId } = after;
    query.andWhereRaw('(created_at < ? or (created_at = ? and session_id > ?))', [
      createdAt,
      createdAt,
      sessionId,
    ]);
  }
  const rows: SessionRow[] = await query.orderBy('created_at', 'desc').orderBy('session_id').limit(limit);
  return rows.map(toSession);
}

/** Unknown sessions are left alone, and activity never moves back. */
export async function touchSessions(
  db: Knex,
  issuer: string,
  sessionIds: readonly string[],
  at: number,
): Promise<void> {
  await db('sessions')
    .whereIn('session_id', sessionIds)
    .andWhere({ issuer })
    .andWhere('last_active_at', '<', at)
    .update({ last_active_at: at });
}

const touch = `on conflict (session_id) do update
  set last_active_at = excluded.last_active_at, expires_at = excluded.expires_at`;

/** Each session at most once. */
export async function insertOrTouchSessions(db: Knex, sessions: readonly Session[]): Promise<void> {
  const rows = sessions.map(
    (session): SessionRow => ({
      session_id: session.sessionId,
      issuer: session.issuer,
      subject: session.subject,
      client_id: session.clientId,
      created_at: session.createdAt,
      last_active_at: session.lastActiveAt,
      expires_at: session.expiresAt,
      user_agent: session.userAgent,
      ip: session.ip,
    }),
  );
  await writesOf(db).insertMany('sessions', rows, touch);
}

function toSession(row: SessionRow): Session {
  return {
    sessionId: row.session_id,
    issuer: row.issuer,
    subject: row.subject,
    clientId: row.client_id,
    createdAt: row.created_at,
    lastActiveAt: row.last_active_at,
    expiresAt: row.expires_at,
    userAgent: row.user_agent,
    ip: row.ip,
  };
}
