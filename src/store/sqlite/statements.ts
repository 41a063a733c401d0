// Prepared statements of one connection, the least recently used forgotten first.
import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';

type Statement = Database.Statement<unknown[]>;

/** Limit for all together: a statement takes memory by its length, and lists of parameters can be long. */
const charactersMax = 500_000;
/** Only these are kept: a pragma may take effect while it is prepared, and a schema is changed once. */
const repeatable = /^\s*(select|insert|update|delete|with|begin|commit|rollback)\b/i;

export class Statements {
  readonly connection: Database.Database;
  readonly #known = new LRUCache<string, Statement>({
    maxSize: charactersMax,
    sizeCalculation: (_, sql) => sql.length,
  });

  constructor(connection: Database.Database) {
    this.connection = connection;
  }

  of(sql: string): Statement {
    const known = this.#known.get(sql);
    if (known) return known;
    const statement = this.connection.prepare<unknown[]>(sql);
    if (repeatable.test(sql)) this.#known.set(sql, statement);
    return statement;
  }
}
