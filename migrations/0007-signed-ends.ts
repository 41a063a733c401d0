// Registrations of JWTs are found by what their signatures cover, and kept as long as those would count. Every
// process that purges knows which namespaces have JWTs signed with a shared secret.
import type { Knex } from 'knex';

/**
 * A greater `purge_after` is this plus the issue time of a JWT that may live as long as any token may: see
 * `openEndsFrom` in domain/token-life.ts.
 */
const openEnds = 253402304399999;
const pass = '0007';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('tokens', (t) => t.bigInteger('purge_after'));
  await knex('append_only_passes').insert({ pass });
  await knex.raw(
    `update tokens set purge_after = issued_at + ${openEnds}
      where token_digest <> digest and issuer in (select issuer from issuers)`,
  );
  await knex('append_only_passes').where({ pass }).delete();
  await knex.schema.alterTable('tokens', (t) => t.dropIndex(['expires_at']));
  // With both columns: otherwise counting what is due would read every row.
  await knex.raw('create index tokens_expired on tokens (expires_at, purge_after) where purge_after is null');
  await knex.raw('create index tokens_kept on tokens (purge_after) where purge_after is not null');
  await knex.raw('create index tokens_jwt on tokens (token_digest) where token_digest <> digest');
  await knex.schema.createTable('signers', (t) => {
    t.comment('Namespaces in which a shared secret has signed JWTs. A handful, never purged');
    t.string('issuer', 512).primary();
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('signers');
  for (const index of ['tokens_jwt', 'tokens_kept', 'tokens_expired']) await knex.raw(`drop index ${index}`);
  // Not through Knex, which on SQLite builds the table anew.
  await knex.raw('alter table tokens drop column purge_after');
  await knex.schema.alterTable('tokens', (t) => t.index(['expires_at']));
}
