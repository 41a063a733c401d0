// Knex documents this module as the one to extend, but does not type it.
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';

  export default class extends Knex.Client {
    protected _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
}
