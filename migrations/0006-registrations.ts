// `token_seq` counts registered tokens: one look at the heads tells whether an unregistered JWT may have been
// registered since.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('heads', (t) => t.bigInteger('token_seq').notNullable().defaultTo(0));
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table heads drop column token_seq');
}
