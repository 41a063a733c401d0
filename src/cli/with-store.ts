// Opens the database for one command, and closes it however the command ends. What it writes bears the
// name of the operating-system user as its actor.
import { userInfo } from 'node:os';
import { type Config, readConfig } from '../config.ts';
import type { Origin } from '../domain/audit.ts';
import type { Store } from '../domain/store.ts';
import { migrateUp } from '../store/migrate.ts';
import { openStore } from '../store/open.ts';

export async function withStore<T>(
  process: NodeJS.Process,
  work: (store: Store, config: Config, origin: Origin) => Promise<T>,
): Promise<T> {
  const config = readConfig(process.env);
  if (config.migrateOnStart) await migrateUp(config.databaseUrl);
  const store = openStore(config.databaseUrl);
  try {
    const actor = { kind: 'operator', id: userInfo().username } as const;
    return await work(store, config, { actor, channel: 'cli', ip: null, userAgent: null, requestId: null });
  } finally {
    await store.close();
  }
}
