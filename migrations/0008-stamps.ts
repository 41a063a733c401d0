// `stamped_at` says when the last batch of decisions was stamped: time does not go back behind it, even if a clock is
// set back.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('heads', (t) => t.bigInteger('stamped_at').notNullable().defaultTo(0));
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table heads drop column stamped_at');
}
