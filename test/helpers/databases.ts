// Gives each test a database of its own, on SQLite or Postgres, empty or already migrated. A missing Postgres is an
// error here, so that no half of the matrix is ever skipped. The caller must drop its database.
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { registerCompletionHandler } from 'ava';
import pg from 'pg';
import { migrateUp } from '../../src/store/migrate.ts';

export type DatabaseKind = 'sqlite' | 'postgres';

export interface TestDatabase {
  readonly kind: DatabaseKind;
  readonly url: string;
  drop(): Promise<void>;
}

/** The file of an SQLite database. */
export function fileOf({ url }: Pick<TestDatabase, 'url'>): string {
  return url.slice('sqlite:'.length);
}

const templates = new Map<DatabaseKind, Promise<TestDatabase>>();
const copyAttempts = 20;

/** A new database without a single table. */
export async function freshDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === 'sqlite' ? createSqlite() : createPostgres();
}

/** A new database with every migration run: a copy of one that the first call in this worker migrates. */
export async function migratedDatabase(kind: DatabaseKind): Promise<TestDatabase> {
  let template = templates.get(kind);
  if (!template) {
    template = migrateTemplate(kind);
    templates.set(kind, template);
  }
  const { url } = await template;
  return kind === 'sqlite' ? createSqlite(fileOf({ url })) : createPostgres(url);
}

async function migrateTemplate(kind: DatabaseKind): Promise<TestDatabase> {
  const template = await freshDatabase(kind);
  registerCompletionHandler(() => void template.drop());
  await migrateUp(template.url);
  return template;
}

async function createSqlite(templateFile?: string): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'revocation-test-'));
  const file = join(folder, 'test.sqlite');
  if (templateFile) await cp(templateFile, file);
  return { kind: 'sqlite', url: `sqlite:${file}`, drop: () => rm(folder, { recursive: true, force: true }) };
}

async function createPostgres(templateUrl?: string): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const template = templateUrl ? new URL(templateUrl).pathname.slice(1) : 'template0';
  await createFromTemplate(name, template);
  const url = readServerUrl();
  url.pathname = `/${name}`;
  return {
    kind: 'postgres',
    url: url.href,
    drop: () => runOnServer(`drop database if exists ${name} with (force)`),
  };
}

// A template must have no connection at that moment; those of migrating, or autovacuum's, may take a while to
// end.
async function createFromTemplate(name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnServer(`create database ${name} template ${template} strategy file_copy`);
    } catch (error) {
      const isInUse = error instanceof pg.DatabaseError && error.code === '55006';
      if (!isInUse || attempt === copyAttempts) throw error;
      await setTimeout(50);
    }
  }
}

async function runOnServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: readServerUrl().href });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function readServerUrl(): URL {
  const url = process.env.TEST_DATABASE_URL;
  if (!url) {
    throw new Error(
      'TEST_DATABASE_URL is not set. `npm test` starts a Postgres and sets it; when a test file is run in another ' +
        'way, set it to the URL of a Postgres where its user may create databases.',
    );
  }
  return new URL(url);
}
