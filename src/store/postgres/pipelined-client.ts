// Knex's client for this database, that waits for fewer answers: BEGIN and the inserts of dialect.ts are only sent,
// and what became of them is told by whatever is answered next in the transaction, at the latest by COMMIT.
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

/** Of connections with an open transaction. */
const unanswered = new WeakMap<pg.Client, Promise<unknown>[]>();

/**
 * Sends a statement of the open transaction. Its values must be such that nothing but the database can refuse it:
 * what never got there, COMMIT would not miss.
 */
export function send(client: pg.Client, statement: pg.QueryConfig | string): void {
  const sent = unanswered.get(client);
  if (!sent) throw new Error('there is no transaction that could tell what became of this statement');
  gather(client);
  const answer = client.query(statement);
  // After ROLLBACK nobody asks.
  answer.catch(() => {});
  sent.push(answer);
}

/** What is sent in the same turn leaves in one write: each costs as much as a statement. */
function gather({ connection }: pg.Client): void {
  connection.stream.cork();
  process.nextTick(() => connection.stream.uncork());
}

/** Waits for an answer, and tells what failed before it in the transaction, rather than that something has. */
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

/** Where a statement has failed, Postgres answers COMMIT with success, and has rolled back. */
async function commit(client: pg.Client, sql: string): Promise<pg.QueryResult> {
  const committed = answered(client, client.query(sql));
  unanswered.delete(client);
  const result = await committed;
  if (result.command !== 'COMMIT') throw new TransactionRolledBack('the transaction was rolled back');
  return result;
}
