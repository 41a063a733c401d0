// Pools of connections to Postgres: how they are opened, and what is set in each connection.
import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import { silent } from '../drivers.ts';
import { PostgresClient } from './client.ts';
import { acquireTimeoutMs, connectionTo, endlessSession } from './connection.ts';
import { demandOwnSession } from './own-session.ts';
import { settle } from './settle.ts';

const poolMax = 10;
const statementTimeoutMs = 10_000;
/** After this the server at the other end counts as silent, and the connection is given up. */
const silenceTimeoutMs = statementTimeoutMs + 2_000;
const idleInTransactionTimeoutMs = 10_000;
const int8 = 20;

/** Milliseconds; 0: for as long as it takes. */
interface Timeouts {
  readonly statement: number;
  readonly silence: number;
}

const usual: Timeouts = { statement: statementTimeoutMs, silence: silenceTimeoutMs };
const unlimited: Timeouts = { statement: 0, silence: 0 };

/**
 * The open connections of several pools to one Postgres. When another server answers under its name, as after a failover,
 * those to the former one are closed, even if it is still there: it no longer hears what is revoked.
 */
export class Connections {
  readonly #open = new Set<pg.Client>();
  #startedAt = '';

  add(client: pg.Client, startedAt: string): void {
    if (startedAt !== this.#startedAt) for (const former of this.#open) former.end().catch(() => {});
    this.#startedAt = startedAt;
    this.#open.add(client);
    client.once('end', () => this.#open.delete(client));
  }
}

export function openReader(url: string, connections: Connections): Knex {
  return openPool(url, usual, async (client) => {
    const { started_at } = await prepare(client, usual);
    connections.add(client, started_at);
  });
}

export function openWriter(url: string, connections: Connections): Knex {
  return openPool(url, usual, async (client) => {
    const { started_at } = await prepareToWrite(client, usual);
    connections.add(client, started_at);
  });
}

export function openMigrator(url: string): Knex {
  return openPool(url, unlimited, async (client) => {
    await prepareToWrite(client, unlimited);
    await settle(client);
  });
}

function openPool(url: string, timeouts: Timeouts, prepared: (client: pg.Client) => Promise<void>): Knex {
  const connection = {
    ...connectionTo(url),
    query_timeout: timeouts.silence,
    // Statements are sent without waiting for the answers to earlier ones.
    pipeline: true,
    types: {
      // Sequence numbers and times stay far below 2^53.
      getTypeParser: (oid: number, format?: string) =>
        oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format as 'text'),
    },
  };
  let keepsSessions = false;
  const demandOwnSessionOnce = async (client: pg.Client) => {
    if (!keepsSessions) await demandOwnSession(client, url);
    keepsSessions = true;
  };
  return knexFactory({
    client: PostgresClient,
    log: silent,
    connection,
    acquireConnectionTimeout: acquireTimeoutMs,
    pool: {
      min: 0,
      max: poolMax,
      afterCreate: (client: pg.Client, done: (error: Error | null) => void) => {
        const giveUp = (error: Error) => {
          // The pool does not know it yet, and would leave it open.
          client.end().catch(() => {});
          done(error);
        };
        prepared(client)
          .then(() => demandOwnSessionOnce(client))
          .then(() => done(null), giveUp);
      },
    },
  });
}

class ConnectedToStandby extends Error {
  override readonly name = 'ConnectedToStandby';
  readonly code = 'IS_STANDBY';
}

class ConnectedToRead extends Error {
  override readonly name = 'ConnectedToRead';
  /** What a statement that writes would be refused with. */
  readonly code = '25006';
}

interface Prepared {
  /** Differs from one Postgres to another. */
  readonly started_at: string;
  readonly is_standby: boolean;
  readonly is_read_only: boolean;
}

/**
 * All that is read often has its index. Postgres would not use it for what it planned while the table was small, nor for a
 * column that it has no statistics of: until it next gathers them, each batch would read the whole table. Where there is
 * no index, the plan looks so dear that it would be compiled.
 */
const indexesAlways = 'set enable_seqscan = off; set jit = off';

/**
 * Rejects at a standby, which may not know the latest revocations. To look once is enough: no server becomes a standby
 * without a restart, which ends its connections.
 */
async function prepare(client: pg.Client, { statement }: Timeouts): Promise<Prepared> {
  // The lock on the heads puts decisions in order: a stricter level would only make them repeat. COMMIT may warn.
  const statements = `set synchronous_commit = on; set client_min_messages = warning;
    set default_transaction_isolation = 'read committed'; set statement_timeout = ${statement}; ${indexesAlways};
    set idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs}; ${endlessSession};
    select pg_is_in_recovery() as is_standby, pg_postmaster_start_time()::text as started_at,
      current_setting('default_transaction_read_only') = 'on' as is_read_only`;
  const answers: unknown = await client.query(statements);
  const prepared = (answers as pg.QueryResult<Prepared>[]).at(-1)?.rows[0];
  if (prepared?.is_standby !== false) throw new ConnectedToStandby('the server is a standby');
  return prepared;
}

/** Rejects where nothing may be written now: a connection that was kept would not hear that it may again. */
async function prepareToWrite(client: pg.Client, timeouts: Timeouts): Promise<Prepared> {
  const prepared = await prepare(client, timeouts);
  if (prepared.is_read_only) throw new ConnectedToRead('the database is read-only');
  return prepared;
}
