// The types of start-postgres.mjs, for importers written in TypeScript.

/** `url` is that of the superuser; `stop` ends the server, removes all it stored, and may be repeated. */
export interface RunningPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts an empty Postgres on 127.0.0.1. Unless `durable` it forgoes fsync and keeps its data in memory: fast, and
 * of no use for measuring. Rejects with an error that says what to do when it cannot be started.
 */
export function startPostgres(options?: { durable?: boolean }): Promise<RunningPostgres>;
