// Revocations learn who ordered them and whom they are limited to; `cutoffs` holds what verdicts need of
// those that are not final; `idempotency_keys` lets a caller repeat an order safely.
import type { Knex } from 'knex';

const forever = 253402300799999;

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('revocations', (t) => {
    t.string('only_client_id', 255);
    t.string('only_use', 16);
    t.integer('only_online').notNullable().defaultTo(0);
    t.text('reason_text');
    t.string('actor_kind', 16).notNullable().defaultTo('system');
    t.string('actor_id', 255);
    t.string('channel', 16).notNullable().defaultTo('system');
    t.string('request_id', 64);
    t.dropIndex([], 'revocations_coverage');
    t.index(['key', 'cutoff'], 'revocations_key');
  });
  // Rows that hold in every issuer are looked for by every verdict; there are hardly ever any.
  await knex.raw(`create index revocations_everywhere on revocations (kind) where issuer = '*'`);

  await knex.schema.createTable('cutoffs', (t) => {
    t.comment(
      'Of the revocations that are no final ones the few that decide verdicts; kept in their transaction',
    );
    t.bigInteger('seq').primary();
    t.binary('key').notNullable();
    t.bigInteger('cutoff').notNullable();
    t.binary('except_key');
    t.string('only_client_id', 255);
    t.string('only_use', 16);
    t.integer('only_online').notNullable().defaultTo(0);
    t.string('reason', 64).notNullable();
    t.bigInteger('revoked_at').notNullable();
    t.bigInteger('purge_after').notNullable();
    t.index(['key']);
    t.index(['purge_after']);
  });
  const columns = 'seq, key, cutoff, except_key, only_client_id, only_use, reason, revoked_at, purge_after';
  await knex.raw(
    `insert into cutoffs (${columns}) select ${columns} from revocations where cutoff < ${forever}`,
  );

  await knex.schema.createTable('idempotency_keys', (t) => {
    t.comment(
      'Orders that may be repeated: digests of key and request, and the outcome; deleted after a day',
    );
    t.binary('key_digest').primary();
    t.binary('request_digest').notNullable();
    t.text('outcome').notNullable();
    t.bigInteger('expires_at').notNullable();
    t.index(['expires_at']);
  });

  // What an issuer's inbox accepts; null: it has none.
  await knex.schema.alterTable('issuers', (t) => {
    t.text('inbox');
  });

  // For previews: how many tokens of this user are registered?
  await knex.schema.alterTable('tokens', (t) => t.index(['subject', 'expires_at']));
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('tokens', (t) => t.dropIndex(['subject', 'expires_at']));
  await knex.raw('alter table issuers drop column inbox');
  await knex.schema.dropTable('idempotency_keys');
  await knex.schema.dropTable('cutoffs');
  await knex.raw('drop index revocations_everywhere');
  await knex.raw('drop index revocations_key');
  // Not through Knex: on SQLite it would build the table anew, without its partial index.
  const added = [
    'only_client_id',
    'only_use',
    'only_online',
    'reason_text',
    'actor_kind',
    'actor_id',
    'channel',
    'request_id',
  ];
  for (const column of added) await knex.raw(`alter table revocations drop column ${column}`);
  await knex.raw('create index revocations_coverage on revocations (key, except_key, cutoff, reason)');
}
