// Where Knex finds the migrations. Their names are kept without an extension, so that a database migrated
// from TypeScript runs under the built JavaScript and the other way round.
import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Knex } from 'knex';

const folder = fileURLToPath(new URL('../../migrations/', import.meta.url));
const migrationFile = /^(\d{4}-[a-z0-9-]+)\.(?:ts|js)$/;

/** All that this program knows, in their order. */
export function migrationNames(): string[] {
  const names = readdirSync(folder).map((file) => migrationFile.exec(file)?.[1]);
  return names.filter((name) => name !== undefined).sort();
}

/** Has the member by which Knex's command line shows what is pending. */
interface Migration {
  readonly file: string;
}

class MigrationSource implements Knex.MigrationSource<Migration> {
  async getMigrations(): Promise<Migration[]> {
    return migrationNames().map((file) => ({ file }));
  }

  getMigrationName({ file }: Migration): string {
    return file;
  }

  async getMigration({ file }: Migration): Promise<Knex.Migration> {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    return (await import(pathToFileURL(`${folder}${file}.${extension}`).href)) as Knex.Migration;
  }
}

export const migrationConfig = { migrationSource: new MigrationSource(), tableName: 'knex_migrations' };
