// `suspension_seq` counts changes to what processes remember of clients, issuers and purges.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('heads', (t) => t.bigInteger('suspension_seq').notNullable().defaultTo(0));
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table heads drop column suspension_seq');
}
