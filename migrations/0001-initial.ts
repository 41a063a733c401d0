// The first schema. Times are milliseconds since the epoch, digests and keys are raw bytes, JSON is text.
// No table holds a token, a secret or an assertion: digests only.
import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('heads', (t) => {
    t.comment('One row: the last sequence numbers given out. Its lock makes sequence order commit order');
    t.integer('id').primary();
    t.bigInteger('revocation_seq').notNullable();
    t.bigInteger('event_seq').notNullable();
  });
  await knex('heads').insert({ id: 1, revocation_seq: 0, event_seq: 0 });

  await knex.schema.createTable('clients', (t) => {
    t.comment('Who may call. Never purged: audit events name them');
    t.string('client_id', 255).primary();
    t.text('client_name');
    t.string('token_endpoint_auth_method', 64).notNullable();
    t.text('permissions').notNullable();
    t.text('audiences').notNullable();
    t.text('allowed_origins').notNullable();
    t.text('issuers').notNullable();
    t.string('cascade', 16).notNullable();
    t.string('logout_scope', 16).notNullable();
    t.integer('cache_max_age').notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('disabled_at');
  });

  await knex.schema.createTable('client_secrets', (t) => {
    t.comment('SHA-256 digests of client secrets; expired ones may be deleted');
    t.string('secret_id', 36).primary();
    t.string('client_id', 255).notNullable().references('client_id').inTable('clients');
    t.binary('digest').notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('expires_at');
    t.index(['client_id']);
  });

  await knex.schema.createTable('tokens', (t) => {
    t.comment('Registered tokens, never updated; purged an hour after they expire');
    t.bigIncrements('id');
    t.binary('digest').notNullable().unique();
    t.binary('token_digest').notNullable();
    t.string('token_use', 16).notNullable();
    t.text('issuer').notNullable();
    t.string('client_id', 255);
    t.string('subject', 255);
    t.string('grant_id', 255);
    t.string('session_id', 255);
    t.string('jti', 255);
    t.bigInteger('issued_at').notNullable();
    t.bigInteger('expires_at').notNullable();
    t.bigInteger('not_before');
    t.text('audience').notNullable();
    t.text('members').notNullable();
    t.string('registrar', 255).notNullable();
    t.bigInteger('registered_at').notNullable();
    t.binary('replaces_digest');
    t.index(['grant_id', 'expires_at']);
    t.index(['session_id', 'expires_at']);
  });

  await knex.schema.createTable('sessions', (t) => {
    t.comment('Logins seen by registration; purged when expired');
    t.string('session_id', 255).primary();
    t.text('issuer').notNullable();
    t.string('subject', 255);
    t.string('client_id', 255).notNullable();
    t.bigInteger('created_at').notNullable();
    t.bigInteger('last_active_at').notNullable();
    t.bigInteger('expires_at').notNullable();
    t.text('user_agent');
    t.string('ip', 64);
    t.index(['subject', 'expires_at']);
  });

  await knex.schema.createTable('revocations', (t) => {
    t.comment('The log of what is dead: append-only; purged when a row can no longer change a verdict');
    t.bigIncrements('seq');
    t.binary('key').notNullable();
    t.bigInteger('cutoff').notNullable();
    t.binary('except_key');
    t.string('kind', 16).notNullable();
    t.text('issuer').notNullable();
    t.text('target_id').notNullable();
    t.string('reason', 64).notNullable();
    t.bigInteger('revoked_at').notNullable();
    t.bigInteger('purge_after').notNullable();
    t.index(['key', 'except_key', 'cutoff', 'reason'], 'revocations_coverage');
    t.index(['purge_after']);
  });
  await knex.raw(
    `create unique index revocations_final on revocations (key)
     where kind in ('token', 'jti', 'grant', 'session', 'key') and cutoff = 253402300799999`,
  );

  await knex.schema.createTable('audit_events', (t) => {
    t.comment('The audit trail: append-only, dense sequence');
    t.bigIncrements('seq');
    t.bigInteger('at').notNullable();
    t.string('action', 64).notNullable();
    t.string('reason', 64);
    t.text('reason_text');
    t.string('actor_kind', 16).notNullable();
    t.string('actor_id', 255);
    t.string('channel', 16).notNullable();
    t.string('user_id', 255);
    t.string('client_id', 255);
    t.string('session_id', 255);
    t.string('token_ref', 16);
    t.string('ip', 64);
    t.text('user_agent');
    t.string('request_id', 64);
    t.integer('count').notNullable();
    t.text('metadata').notNullable();
    t.index(['user_id', 'seq']);
    t.index(['client_id', 'seq']);
    t.index(['at']);
  });
}

export async function down(knex: Knex): Promise<void> {
  const newestFirst = [
    'audit_events',
    'revocations',
    'sessions',
    'tokens',
    'client_secrets',
    'clients',
    'heads',
  ];
  for (const table of newestFirst) await knex.schema.dropTable(table);
}
