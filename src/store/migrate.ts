// Brings a database's schema up or down. Two processes that start on one empty database do no harm, and a
// process killed half-way leaves nothing that stops the next.
import type { Knex } from 'knex';
import { dialectOf, readsOf } from './dialect.ts';
import { migrationConfig, migrationNames } from './migration-source.ts';

export interface MigrationStatus {
  readonly done: string[];
  readonly pending: string[];
  /** Those of `done` that this program does not know: it would not see what a later one counts by them. */
  readonly newer: string[];
}

/** Why this program must not work on a database as it is; its code says what is to be done. */
class NotReady extends Error {
  override readonly name = 'NotReady';
  readonly code: 'NO_DATABASE' | 'MIGRATIONS_PENDING' | 'SCHEMA_NEWER';

  constructor(code: NotReady['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Rejects unless there is a database with the schema of this program. */
export async function demandSchema(databaseUrl: string): Promise<void> {
  if (!dialectOf(databaseUrl).isThere()) throw new NotReady('NO_DATABASE', 'there is no database');
  const pending = await pendingIn(databaseUrl);
  if (pending.length > 0) throw new NotReady('MIGRATIONS_PENDING', `pending: ${pending.join(', ')}`);
}

/** Runs what is pending; resolves to the names of what it ran. */
export async function migrateUp(databaseUrl: string): Promise<string[]> {
  // Nothing is pending, so the lock, which another process might hold, is not needed.
  if ((await pendingIn(databaseUrl)).length === 0) return [];
  return migrate(databaseUrl, (migrator) => migrator.latest(migrationConfig));
}

/** Did these migrations, which `migrateUp` ran, make the schema? Then the database was empty. */
export function haveMadeSchema(ran: readonly string[]): boolean {
  const [first = ''] = migrationNames();
  return ran.includes(first);
}

async function pendingIn(databaseUrl: string): Promise<string[]> {
  const { pending, newer } = await migrationStatus(databaseUrl);
  if (newer.length > 0) throw new NotReady('SCHEMA_NEWER', `not known here: ${newer.join(', ')}`);
  return pending;
}

/** Undoes the last migration; resolves to its name, or none. */
export async function migrateDown(databaseUrl: string): Promise<string[]> {
  await pendingIn(databaseUrl);
  return migrate(databaseUrl, (migrator) => migrator.down(migrationConfig));
}

/** Creates no database: if there is none, everything is pending. */
export async function migrationStatus(databaseUrl: string): Promise<MigrationStatus> {
  const dialect = dialectOf(databaseUrl);
  if (!dialect.isThere()) return { done: [], pending: migrationNames(), newer: [] };
  const knex = dialect.openReader();
  try {
    return await migrationStatusOf(knex);
  } finally {
    await knex.destroy();
  }
}

/** Reads the record of migrations without creating it. */
export async function migrationStatusOf(knex: Knex): Promise<MigrationStatus> {
  const all = migrationNames();
  const isRecorded = await readsOf(knex).hasTable(migrationConfig.tableName);
  const done: string[] = isRecorded ? await knex(migrationConfig.tableName).orderBy('id').pluck('name') : [];
  const [pending, newer] = [
    all.filter((name) => !done.includes(name)),
    done.filter((name) => !all.includes(name)),
  ];
  return { done, pending, newer };
}

/** Resolves to the names of the migrations that `run` ran or undid. */
async function migrate(
  databaseUrl: string,
  run: (migrator: Knex.Migrator) => Promise<[batch: number, names: string[]]>,
): Promise<string[]> {
  const dialect = dialectOf(databaseUrl);
  return dialect.withMigrationLock(async () => {
    const knex = dialect.openMigrator();
    try {
      // Only this process migrates now, so a lock that Knex finds set was left behind by one that died.
      await knex.migrate.forceFreeMigrationsLock(migrationConfig);
      const [, names] = await run(knex.migrate);
      return names;
    } finally {
      await knex.destroy();
    }
  });
}
