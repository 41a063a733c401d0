// Knex documents these modules as the ones to extend, but does not type them.
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';

  export default class extends Knex.Client {
    protected _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
  }
}

declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex';

  export default class extends Knex.Client {
    _query(connection: unknown, query: unknown): Promise<unknown>;
  }
}
