// A final revocation stood in two indexes by its key, one of them for uniqueness: each is a page at a random place that
// every revocation writes. Now final rows are found by the unique one, the others by an index of their own. Both are
// made before the old ones go: until then Postgres lets everybody read.
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
