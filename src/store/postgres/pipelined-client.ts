// Knex's client for this database, which waits for fewer answers: BEGIN and the inserts of client.ts are only sent.
// If one of them fails, the next statement of the transaction whose answer is awaited reports it, COMMIT at the
// latest.
import PgClient from 'knex/lib/dialects/postgres/index.js';
import type pg from 'pg';
import { allOf } from '../all-of.ts';

/** A statement as Knex hands it to its client, and what it reads from it afterwards. */
interface Query {
  readonly sql: string;
  response?: unknown;
}

class TransactionRolledBack extends Error {
  override readonly name = 'TransactionRolledBack';
}

class NotOnStandby extends Error {
  override readonly name = 'NotOnStandby';
  readonly code = 'NOT_ON_STANDBY';
}

/** Answers not yet awaited, by connection with an open transaction. */
const unanswered = new WeakMap<pg.Client, Promise<unknown>[]>();

/**
 * Sends a statement of the open transaction without waiting. Nothing but the database may refuse its values: if the
 * statement were never sent, COMMIT would not notice.
 */
export function send(client: pg.Client, statement: pg.QueryConfig | string): void {
  const sent = unanswered.get(client);
  if (!sent) throw new Error('there is no transaction that could tell what became of this statement');
  gather(client);
  const answer = client.query(statement);
  // After ROLLBACK nobody awaits it.
  answer.catch(() => {});
  sent.push(answer);
}

/** Statements of the same turn leave in one write, as each write costs as much as a statement. */
function gather({ connection }: pg.Client): void {
  connection.stream.cork();
  process.nextTick(() => connection.stream.uncork());
}

/** Waits for an answer. Rejects with what failed first in the transaction, not with the answer that something has. */
export async function answered<T>(client: pg.Client, answer: Promise<T>): Promise<T> {
  const sent = unanswered.get(client);
  if (sent) await allOf([...sent, answer]);
  return answer;
}

export class PipelinedClient extends PgClient {
  override async _query(client: pg.Client, query: Query): Promise<Query> {
    switch (query.sql) {
      case 'BEGIN;':
        unanswered.set(client, []);
        send(client, query.sql);
        query.response = {};
        return query;
      case 'COMMIT;':
        query.response = await commit(client, query.sql);
        return query;
      case 'ROLLBACK':
        unanswered.delete(client);
        return super._query(client, query) as Promise<Query>;
      default:
        return answered(client, super._query(client, query) as Promise<Query>);
    }
  }
}

/**
 * After a failed statement Postgres answers COMMIT with success, although it has rolled back. So it does, with a warning,
 * where the wait for a synchronous standby was cancelled, which may lack then what is written here.
 */
async function commit(client: pg.Client, sql: string): Promise<pg.QueryResult> {
  let wasCancelled = false;
  const look = ({ routine }: { readonly routine?: string | undefined }) => {
    wasCancelled ||= routine === 'SyncRepWaitForLSN';
  };
  client.on('notice', look);
  const committed = answered(client, client.query(sql));
  unanswered.delete(client);
  const result = await committed.finally(() => client.off('notice', look));
  if (result.command !== 'COMMIT') throw new TransactionRolledBack('the transaction was rolled back');
  if (wasCancelled) throw new NotOnStandby('a synchronous standby may lack what was written');
  return result;
}
