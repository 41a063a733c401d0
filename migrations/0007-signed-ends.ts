// Registrations of JWTs are found by what their signatures cover, and stay as long as those would count; and which
// namespaces have JWTs signed with a shared secret is known to every process that purges.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('tokens', (t) => t.bigInteger('purge_after'));
  await knex.raw('create index tokens_jwt on tokens (token_digest) where token_digest <> digest');
  await knex.schema.createTable('signers', (t) => {
    t.comment('Namespaces in which a shared secret has signed JWTs. A handful, never purged');
    t.string('issuer', 512).primary();
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('signers');
  await knex.raw('drop index tokens_jwt');
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table tokens drop column purge_after');
}
