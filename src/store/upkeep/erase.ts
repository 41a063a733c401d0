// Erasing one person: values and salts go, commitments, counts and digests stay.
import type { Knex } from 'knex';
import type { Digest } from '../../domain/claims.ts';
import { commitmentsOf } from '../../domain/trail/audit-leaf.ts';
import type { ErasedSessions } from '../../domain/upkeep-store.ts';
import { type EventRow, rowToEvent } from '../tables/audit-rows.ts';
import { announceChange, holdDecisions } from '../tables/heads.ts';
import { readNote, writeNote } from '../tables/notes.ts';
import { withPass } from './append-only.ts';

/** Events about the user, or done by them as a proven user. */
function eventsOf(db: Knex, userId: string): Knex.QueryBuilder<EventRow> {
  return db<EventRow>('audit_events').where((of) =>
    of.where('user_id', userId).orWhere((by) => by.where('actor_kind', 'user').andWhere('actor_id', userId)),
  );
}

export async function eraseEvents(writer: Knex, userId: string, limit: number): Promise<number> {
  return withPass(writer, async (tx) => {
    const rows: EventRow[] = await eventsOf(tx, userId).orderBy('seq').limit(limit);
    for (const row of rows) {
      await tx<EventRow>('audit_events')
        .where('seq', row.seq)
        .update({
          user_id: null,
          session_id: null,
          ip: null,
          user_agent: null,
          reason_text: null,
          metadata: '{}',
          salts: null,
          erased: JSON.stringify(commitmentsOf(rowToEvent(row))),
          ...(row.actor_kind === 'user' ? { actor_id: null } : {}),
        });
    }
    return rows.length;
  });
}

/** Sessions that have expired or have no token left; dead tokens were erased before. */
export async function eraseSessions(writer: Knex, userId: string, now: number): Promise<ErasedSessions> {
  return writer.transaction(async (tx) => {
    // A decision that has read a session would otherwise write it down again.
    await holdDecisions(tx);
    const sessions: { session_id: string; issuer: string; expires_at: number }[] = await tx('sessions').where(
      'subject',
      userId,
    );
    const ended: string[] = [];
    for (const { session_id: id, issuer, expires_at } of sessions) {
      const hasTokens = (await tx('tokens').where({ session_id: id, issuer }).first('id')) !== undefined;
      if (expires_at <= now || !hasTokens) ended.push(id);
    }
    if (ended.length > 0) await tx('sessions').whereIn('session_id', ended).delete();
    return { erased: ended.length, left: sessions.length - ended.length };
  });
}

/** Processes that remember tokens must forget them, or the next use of one would write the name down again. */
export async function eraseTokens(writer: Knex, digests: readonly Digest[]): Promise<number> {
  if (digests.length === 0) return 0;
  const keys = digests.map((digest) => Buffer.from(digest, 'hex'));
  return writer.transaction(async (tx) => {
    await announceChange(tx);
    await writeNote(tx, 'erasures', (await readNote(tx, 'erasures')) + 1);
    const erased: number = await tx('tokens').whereIn('digest', keys).delete();
    return erased;
  });
}

/** The user's name in revocations of this user and in those that they made, and the free text given with them. */
export async function eraseRevocations(writer: Knex, userId: string, pseudonym: string): Promise<number> {
  return withPass(writer, async (tx) => {
    const of = { kind: 'subject', target_id: userId };
    const by = { actor_kind: 'user', actor_id: userId };
    const seqs: number[] = await tx('revocations').where(of).orWhere(by).pluck('seq');
    await tx('revocations').where(of).orWhere(by).update({ reason_text: null });
    await tx('revocations').where(of).update({ target_id: pseudonym });
    await tx('revocations').where(by).update({ actor_id: pseudonym });
    return seqs.length;
  });
}
