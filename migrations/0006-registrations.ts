// Counts registered tokens, so that one look at the heads tells whether a JWT that nobody had registered may have
// been since.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('heads', (t) => t.bigInteger('token_seq').notNullable().defaultTo(0));
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table heads drop column token_seq');
}
