// Where Knex finds the migrations. Their names are kept without an extension, so that a database migrated
// from TypeScript runs under the built JavaScript and the other way round.
import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Knex } from 'knex';

const folder = fileURLToPath(new URL('../../migrations/', import.meta.url));
const migrationFile = /^(\d{4}-[a-z0-9-]+)\.(?:ts|js)$/;

class MigrationSource implements Knex.MigrationSource<string> {
  async getMigrations(): Promise<string[]> {
    const names = readdirSync(folder).map((file) => migrationFile.exec(file)?.[1]);
    return names.filter((name) => name !== undefined).sort();
  }

  getMigrationName(name: string): string {
    return name;
  }

  async getMigration(name: string): Promise<Knex.Migration> {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    return (await import(pathToFileURL(`${folder}${name}.${extension}`).href)) as Knex.Migration;
  }
}

export const migrationConfig = { migrationSource: new MigrationSource(), tableName: 'knex_migrations' };
