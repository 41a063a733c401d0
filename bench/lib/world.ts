// A filled database of either kind with the clients that the benches call as, gone when the bench ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { systemOrigin } from '../../src/domain/audit.ts';
import type { RegisteredToken } from '../../src/domain/claims.ts';
import { createClient, type NewClient, plainClient } from '../../src/domain/records/manage-clients.ts';
import type { Store } from '../../src/domain/store.ts';
import { dialectOf } from '../../src/store/dialect.ts';
import { migrateUp } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { startPostgres } from '../../test/helpers/start-postgres.mjs';
import { benchToken, fillRevocations, fillTokens } from './fill.ts';
import { basic } from './load.ts';

export const publicUrl = 'http://127.0.0.1:3000';

export type DatabaseKind = 'sqlite' | 'postgres';

export interface World {
  readonly databaseUrl: string;
  /** With which our server opens the database. */
  readonly env: Readonly<Record<'DATABASE_URL' | 'PUBLIC_URL', string>>;
  /** Authorization headers of a resource server, of the app whose tokens they are, and of an issuer. */
  readonly api: string;
  readonly app: string;
  readonly issuer: string;
  /** May revoke everything. */
  readonly operator: string;
  remove(): Promise<void>;
}

export interface Size {
  readonly tokens: number;
  readonly revocations: number;
}

/** The database made the last token of one that the store wrote: the store must read it as if it were its own. */
async function demandFilled(store: Store, last: RegisteredToken): Promise<void> {
  const found = await store.ask((facts) => facts.token(last.digest));
  if (!isDeepStrictEqual(found, last)) throw new Error('the tokens were filled in wrongly');
}

export async function makeWorld(kind: DatabaseKind, size: Size): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const postgres = kind === 'postgres' ? await startPostgres({ durable: true }) : null;
  const databaseUrl = postgres?.url ?? `sqlite:${folder}/bench.sqlite`;
  await migrateUp(databaseUrl);
  const db = dialectOf(databaseUrl).openWriter();
  const now = Date.now();
  await fillTokens(db, size.tokens, publicUrl, now);
  await fillRevocations(db, size.revocations, now);
  await db.destroy();
  const store = openStore(databaseUrl);
  if (size.tokens > 0) await demandFilled(store, benchToken(size.tokens - 1, publicUrl, now));
  const api = await addClient('bench-api', {
    permissions: ['introspect'],
    audiences: ['https://api.example.com'],
  });
  const app = await addClient('bench-app', {});
  const issuer = await addClient('bench-issuer', { permissions: ['register'] });
  const operator = await addClient('bench-operator', { permissions: ['revoke:any'] });
  await store.close();
  return {
    databaseUrl,
    env: { DATABASE_URL: databaseUrl, PUBLIC_URL: publicUrl },
    api,
    app,
    issuer,
    operator,
    async remove() {
      await postgres?.stop();
      rmSync(folder, { recursive: true });
    },
  };

  async function addClient(clientId: string, fields: Partial<NewClient>): Promise<string> {
    const secret = `${clientId}-secret`.padEnd(40, '0');
    const created = await createClient(store, systemOrigin, plainClient({ clientId, ...fields }), secret);
    if (created.status !== 'created') throw new Error('the database was not empty');
    return basic(clientId, secret);
  }
}
