// Counts changes of suspensions, and since then of all that is in the records of clients and issuers, so that one
// look at the heads tells whether what is remembered of them is still so.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('heads', (t) => t.bigInteger('suspension_seq').notNullable().defaultTo(0));
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table heads drop column suspension_seq');
}
