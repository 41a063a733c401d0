// Issuers whose JWTs are trusted, the keys they have named, ids that may be used once, and what clients
// prove themselves with beside a secret.
import type { Knex } from 'knex';

const clientColumns = ['keys', 'certificate_name', 'introspection_algorithm', 'scopes'];

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('issuers', (t) => {
    t.comment('Whose JWTs are trusted; public keys only. Never purged: audit events name them');
    t.string('issuer', 512).primary();
    t.text('key_source').notNullable();
    t.text('algorithms').notNullable();
    t.text('types').notNullable();
    t.text('audiences').notNullable();
    t.text('claims').notNullable();
    t.string('default_client', 255);
    t.string('default_audience', 512);
    t.text('refresh_marker');
    t.integer('reuses_ids').notNullable();
    t.text('scope_permissions').notNullable();
    t.string('reach', 8).notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('disabled_at');
    t.bigInteger('keys_stale_before').notNullable();
  });

  await knex.schema.createTable('issuer_keys', (t) => {
    t.comment(
      'Which key a kid has named: a leaked key is revoked by its kid. Kept as long as revocations of it',
    );
    t.string('issuer', 512).notNullable();
    t.string('kid', 255).notNullable();
    t.string('thumbprint', 64).notNullable();
    t.bigInteger('first_seen_at').notNullable();
    t.primary(['issuer', 'kid', 'thumbprint']);
  });

  await knex.schema.createTable('used_ids', (t) => {
    t.comment('Digests of ids that count once (assertions); purged when what bore them has expired');
    t.binary('digest').primary();
    t.string('kind', 16).notNullable();
    t.bigInteger('expires_at').notNullable();
    t.index(['expires_at']);
  });

  await knex.schema.alterTable('clients', (t) => {
    for (const column of clientColumns) t.text(column);
  });
}

export async function down(knex: Knex): Promise<void> {
  // Not through Knex, which on SQLite builds the table anew, and client_secrets refers to its rows.
  for (const column of clientColumns) await knex.raw(`alter table clients drop column ${column}`);
  for (const table of ['used_ids', 'issuer_keys', 'issuers']) await knex.schema.dropTable(table);
}
