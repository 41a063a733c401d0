// Opens the database for one command, and closes it however the command ends. What it writes bears the
// name of the operating-system user as its actor; that the command was refused is written, too.
import { userInfo } from 'node:os';
import { type Config, readConfig } from '../config.ts';
import { eventOf, type Origin } from '../domain/audit.ts';
import type { Store } from '../domain/store.ts';
import { Refusal, refusalCodes } from '../http/refusal.ts';
import { migrateUp } from '../store/migrate.ts';
import { openStore } from '../store/open.ts';

export async function withStore<T>(
  process: NodeJS.Process,
  work: (store: Store, config: Config, origin: Origin) => Promise<T>,
): Promise<T> {
  const config = readConfig(process.env);
  if (config.migrateOnStart) await migrateUp(config.databaseUrl);
  const store = openStore(config.databaseUrl);
  const actor = { kind: 'operator', id: userInfo().username } as const;
  const origin: Origin = { actor, channel: 'cli', ip: null, userAgent: null, requestId: null };
  try {
    return await work(store, config, origin);
  } catch (error) {
    if (error instanceof Refusal) await recordRefusal(store, origin, error, process.argv);
    throw error;
  } finally {
    await store.close();
  }
}

/** Commands that have commands of their own. */
const groups = ['client', 'issuer', 'audit'];

async function recordRefusal(
  store: Store,
  origin: Origin,
  { code, about }: Refusal,
  [, , command = '', subcommand = '']: readonly string[],
): Promise<void> {
  if (refusalCodes[code].status >= 500) return;
  const name = groups.includes(command) ? `${command} ${subcommand}` : command;
  const metadata = { ...about.metadata, code, command: name };
  const event = eventOf(origin, 'request_refused', { ...about, metadata });
  await store.write(() => ({ outcome: undefined, effects: { events: [event] } }));
}
