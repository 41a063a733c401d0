// Each index by key costs every revocation a write to a page at a random place. So a final row stands in one of them
// only, the unique one, and other rows in an index of their own. Both are made before the old ones go, as Postgres
// lets everybody read until then.
import type { Knex } from 'knex';

const forever = 253402300799999;

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create unique index revocations_by_key on revocations (key) where cutoff = ${forever}`);
  await knex.raw(`create index revocations_cut on revocations (key, cutoff) where cutoff <> ${forever}`);
  await knex.raw('drop index revocations_final');
  await knex.raw('drop index revocations_key');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('create index revocations_key on revocations (key, cutoff)');
  await knex.raw(
    `create unique index revocations_final on revocations (key)
     where kind in ('token', 'jti', 'grant', 'session', 'key') and cutoff = ${forever}`,
  );
  await knex.raw('drop index revocations_cut');
  await knex.raw('drop index revocations_by_key');
}
