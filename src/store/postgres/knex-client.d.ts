// Knex documents this module as the one to extend, but does not type it.
declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex';

  export default class extends Knex.Client {
    /** In a transaction. */
    readonly transacting?: boolean;
    _query(connection: unknown, query: unknown): Promise<unknown>;
  }
}
